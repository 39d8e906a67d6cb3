//! placeholder
use ropewalk::{Protocol, Transport};
struct Echo;
impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }
}
fn main() -> ropewalk::Result<()> {
    env_logger::init();
    ropewalk::run(|reactor| {
        let l = reactor.listen("tcp:8007").serve(|_peer| Echo)?;
        println!("listening on {}", l.address());
        Ok(())
    })
    .map(drop)
}

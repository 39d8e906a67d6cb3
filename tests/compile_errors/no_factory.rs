//~ is not a factory of protocols
//~ expected a closure `|peer: &Address| MyProtocol`
struct Echo;

impl ropewalk::Protocol for Echo {
    fn data_received(&mut self, transport: &mut ropewalk::Transport<'_>, data: &[u8]) {
        transport.write(data);
    }
}

fn main() -> ropewalk::Result<()> {
    ropewalk::run(|reactor| reactor.listen("tcp:0").with(Echo).map(drop)).map(drop)
}

//~ `Clock` is not a protocol
//~ neither `Protocol` nor `LineReceiver` is implemented for it
struct Clock;

fn main() -> ropewalk::Result<()> {
    ropewalk::run(|reactor| reactor.listen("tcp:0").serve(|_peer| Clock).map(drop)).map(drop)
}

//! Facts about the kernel: scenarios with what they are known to do.
#[test]
fn timing() {
    use crate::scenario::{*, Step::*, End::*};
    for n in [100, 20000, 200000, 400000] {
    for steps in [vec![Settle, Write(Client, n), Settle], vec![Settle, Pause(Server), Write(Client, n), Settle, Resume(Server), Settle]] {
        let s = Scenario { client: PLAIN, server: STAYING, hasty: false, steps };
        let t = std::time::Instant::now();
        crate::kernel::play_on_kernel(&s);
        let k = t.elapsed();
        let t = std::time::Instant::now();
        crate::simulated::play_in(0, &s);
        let t0 = t.elapsed();
        let t = std::time::Instant::now();
        crate::simulated::play_in(9, &s);
        println!("{n} kernel {k:?} sim {t0:?} faults {:?}", t.elapsed());
    }}
}

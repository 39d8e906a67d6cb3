//! What a simulated run writes for Wireshark, as Wireshark's own reader finds it. Where there is no tshark, each
//! test says loudly that it has tested nothing.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use ropewalk::sim::{Faults, Trace, World};
use ropewalk::{Address, Protocol, Reactor, Transport};

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }
}

fn echo(reactor: &mut Reactor) -> ropewalk::Result<()> {
    for endpoint in ["tcp:7:interface=*", "tcp6:7:interface=*", "tcp:8"] {
        reactor.listen(endpoint).serve(|_: &Address| Echo)?;
    }
    Ok(())
}

fn world(seed: u64, faults: Faults) -> World {
    let world = World::new(seed, faults);
    world.set_trace(Trace::All);
    world.host("server", echo);
    world
}

fn saved(world: &World, name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let out = BufWriter::new(File::create(&path).expect("the target directory can be written"));
    world.write_pcap(out).expect("and takes the packets");
    path
}

fn there_is_tshark(test: &str) -> bool {
    let mut command = Command::new("tshark");
    command.arg("--version").stdout(Stdio::null());
    if command.stderr(Stdio::null()).status().is_ok() {
        return true;
    }
    // Past the harness, which keeps back what a test that passes has to say.
    let told = writeln!(
        io::stderr(),
        "\nNOT TESTED, for there is no tshark (the package of that name): {test}"
    );
    told.expect("there is a terminal, or nothing");
    false
}

/// What tshark prints of a file.
fn tshark(file: &PathBuf, arguments: &[&str]) -> String {
    let checks = ["tcp.check_checksum:TRUE", "ip.check_checksum:TRUE"];
    let mut command = Command::new("tshark");
    command.arg("-n").arg("-r").arg(file);
    for check in checks {
        command.args(["-o", check]);
    }
    let output = command.args(arguments).output();
    let output = output.expect("it was there before");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("tshark writes text")
}

/// The packets that match a filter.
#[track_caller]
fn matching(file: &PathBuf, filter: &str) -> String {
    tshark(file, &["-Y", filter])
}

/// Nothing that tshark warns of, or is not sure of.
#[track_caller]
fn check(file: &PathBuf) {
    // Severities from "warning" on; that a connection begins or ends is a lesser one.
    let expert = "_ws.expert.severity >= 0x600000 && !(tcp.flags.reset == 1)";
    let bad = "_ws.malformed || tcp.analysis.flags || tcp.checksum.status != Good || ip.checksum.status == Bad";
    assert_eq!(matching(file, &format!("{bad} || ({expert})")), "");
}

#[test]
fn tshark_follows_a_conversation() {
    if !there_is_tshark("tshark_follows_a_conversation") {
        return;
    }
    let world = world(0, Faults::None);
    let peer = world.peer("tcp:server:7");
    peer.send("hello").expect("hello");
    peer.send("how are you?").expect("how are you?");
    peer.half_closes().expect_eof();
    world.settle();
    let file = saved(&world, "conversation.pcap");
    check(&file);
    let said = tshark(&file, &["-q", "-z", "follow,tcp,ascii,0"]);
    let said: Vec<_> = said.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(
        said[5..said.len() - 1],
        [
            "7",
            "hello",
            "\t7",
            "hello",
            "14",
            "how are you?",
            "\t14",
            "how are you?"
        ]
    );
    let fields = [
        "-T",
        "fields",
        "-e",
        "frame.time_epoch",
        "-e",
        "tcp.flags.str",
    ];
    let packets = tshark(&file, &fields);
    let packets: Vec<_> = packets.lines().collect();
    let flags: String = packets
        .iter()
        .map(|line| line.trim_matches(|c: char| !c.is_ascii_uppercase()))
        .collect::<Vec<_>>()
        .join(" ");
    assert_eq!(flags, "S A··S A AP AP AP AP A···F A···F A");
    assert!(
        packets[3].starts_with("1700000000.000200000"),
        "{}",
        packets[3]
    );
}

#[test]
fn much_data_both_families_loopback_and_a_reset() {
    if !there_is_tshark("much_data_both_families_loopback_and_a_reset") {
        return;
    }
    let world = world(0, Faults::None);
    let data = vec![b'x'; 300_000];
    world.set_window(1 << 20);
    for endpoint in ["tcp:server:7", "tcp:[fd00::1]:7", "tcp:server:8"] {
        let peer = world.peer(endpoint);
        peer.send_bytes(data.clone()).expect_bytes(&data);
        peer.closes();
        world.settle();
    }
    world.peer("tcp:server:7").send("hello").resets();
    world.settle();
    let file = saved(&world, "much.pcap");
    check(&file);
    assert_eq!(matching(&file, "tcp.flags.reset == 1").lines().count(), 1);
    for (stream, from) in [(0, "10.0.255.1"), (1, "fd00::ff01"), (2, "127.0.0.1")] {
        let said = tshark(&file, &["-q", "-z", &format!("follow,tcp,raw,{stream}")]);
        assert!(
            said.contains(&format!("Node 0: {from}"))
                || said.contains(&format!("Node 0: [{from}]")),
            "{}",
            &said[..300]
        );
        let hex = said.lines().filter(|line| line.trim().starts_with("78"));
        let bytes: usize = hex.map(|line| line.trim().len() / 2).sum();
        assert_eq!(bytes, 600_000);
    }
}

#[test]
fn what_nobody_may_notice_nobody_notices() {
    if !there_is_tshark("what_nobody_may_notice_nobody_notices") {
        return;
    }
    for seed in 0..8 {
        let world = world(seed, Faults::Unnoticeable);
        let peer = world.peer("tcp:server:7");
        peer.send_bytes(vec![b'x'; 20_000]).send("end");
        peer.half_closes()
            .expect_bytes(vec![b'x'; 20_000])
            .expect("end")
            .expect_eof();
        world.settle();
        check(&saved(&world, "unnoticeable.pcap"));
    }
}

#[test]
fn a_call_that_nobody_answers_is_repeated_and_one_that_is_refused_is_not() {
    if !there_is_tshark("a_call_that_nobody_answers_is_repeated_and_one_that_is_refused_is_not") {
        return;
    }
    let world = world(0, Faults::None);
    world.black_hole("10.9.9.9".parse().unwrap());
    world.on("server", |reactor| {
        reactor.connect("tcp:10.9.9.9:7").with(Echo);
        reactor.connect("tcp:server:9").with(Echo);
    });
    world.run_for(Duration::from_secs(8));
    let file = saved(&world, "calls.pcap");
    let repeated = "ip.dst == 10.9.9.9 && tcp.analysis.retransmission";
    assert_eq!(matching(&file, repeated).lines().count(), 3);
    let refused = "tcp.flags.reset == 1 && tcp.flags.ack == 1 && tcp.srcport == 9 && tcp.seq == 1";
    assert_eq!(matching(&file, refused).lines().count(), 2);
    assert_eq!(
        matching(&file, "_ws.malformed || tcp.checksum.status != Good"),
        ""
    );
}

//! strace and callgrind, and what they say of a mode. Owns the child processes and their files.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::modes::{MODES, Mode};
use crate::servers;
use crate::steps::{COUNTED, MARKS, STEP};
use crate::table::Row;

/// How often a stream is measured.
const STREAMS: usize = 3;

/// All modes of all servers.
pub(crate) fn measure() -> Vec<Row> {
    let rows = MODES
        .iter()
        .flat_map(|mode| servers::NAMES.map(|server| row(mode, server)));
    rows.collect()
}

/// A busy system cuts a stream smaller, which is more work, and never less: of several measurements the least is exact.
fn row(mode: &Mode, server: &str) -> Row {
    let times = match mode.name {
        "stream" => STREAMS,
        _ => 1,
    };
    let rows = (0..times).map(|_| row_once(mode, server));
    rows.min_by(|one, other| one.instructions.total_cmp(&other.instructions))
        .expect("it was measured")
}

fn row_once(mode: &Mode, server: &str) -> Row {
    let operations = (mode.operations() * mode.rounds) as f64;
    let (calls, allocations) = traced(mode, server);
    Row {
        mode: mode.name.into(),
        server: server.into(),
        unit: mode.unit.into(),
        calls: calls as f64 / operations,
        instructions: instructions(mode, server) as f64 / operations,
        allocations: allocations as f64 / operations,
    }
}

/// System calls, and allocations.
fn traced(mode: &Mode, server: &str) -> (usize, usize) {
    let trace = file("strace");
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-s", "0", "-o"]).arg(&trace);
    let allocations = run(&mut strace, mode, server);
    let text = fs::read_to_string(&trace).expect("strace wrote its file");
    let _ = fs::remove_file(trace);
    let (mut ours, mut calls) = (false, 0);
    for name in text.lines().filter_map(|line| line.split('(').next()) {
        if MARKS.contains(&name) {
            ours = name == MARKS[0];
        } else {
            calls += usize::from(ours);
        }
    }
    (
        calls,
        allocations.trim().parse().expect("a child prints a number"),
    )
}

fn instructions(mode: &Mode, server: &str) -> u64 {
    let counts = file("callgrind");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet"]);
    valgrind.arg(format!("--toggle-collect={COUNTED}"));
    valgrind.arg(format!("--callgrind-out-file={}", counts.display()));
    run(&mut valgrind, mode, server);
    let text = fs::read_to_string(&counts).expect("callgrind wrote its file");
    let _ = fs::remove_file(counts);
    let summary = text.lines().find_map(|line| line.strip_prefix("summary: "));
    let summary = summary.and_then(|number| number.trim().parse().ok());
    summary
        .filter(|number| *number > 0)
        .expect("callgrind has counted something")
}

/// Takes the steps under a tool; what the child printed.
fn run(tool: &mut Command, mode: &Mode, server: &str) -> String {
    let program = std::env::current_exe().expect("a program has a path");
    let name = tool.get_program().to_os_string();
    let output = tool.arg(program).args([STEP, mode.name, server]).output();
    let output = output.unwrap_or_else(|error| panic!("{} is needed: {error}", name.display()));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{} of {} with {server}: {words}",
        name.display(),
        mode.name
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("exact-{}.{name}", std::process::id()))
}

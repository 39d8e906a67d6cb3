//! The table of figures: written, read and compared. Owns the file, and how much more is too much.

use std::fs;
use std::process::ExitCode;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/exact.txt");
const HEAD: &str = "\
# What an operation costs exactly, in user space on x86-64; written by `cargo bench --bench exact -- --update`.
# mode     server    system calls  instructions  allocations
";
/// Two runs give the same figures to the last digit, but another compiler or C library moves instructions a little; what
/// a change of ours costs by mistake is more.
const MORE_INSTRUCTIONS: f64 = 1.02;
/// How large the pieces of a stream are is decided by the system's buffers.
const MORE_OF_A_STREAM: f64 = 1.1;
/// Where an operation still costs allocations. The list may only shrink.
const STILL_ALLOCATING: [&str; 2] = ["chat1", "chat8"];

/// What one operation costs in a mode.
pub(crate) struct Row {
    pub(crate) mode: String,
    pub(crate) server: String,
    pub(crate) unit: String,
    pub(crate) calls: f64,
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
}

impl Row {
    fn line(&self) -> String {
        let Self {
            mode,
            server,
            unit,
            calls,
            instructions,
            allocations,
        } = self;
        format!(
            "{mode:<10} {server:<9} {calls:>12.4} {instructions:>13.1} {allocations:>12.4}  a {unit}\n"
        )
    }

    fn read(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [mode, server, calls, instructions, allocations, "a", unit] = words[..] else {
            return None;
        };
        Some(Self {
            mode: mode.into(),
            server: server.into(),
            unit: unit.into(),
            calls: calls.parse().ok()?,
            instructions: instructions.parse().ok()?,
            allocations: allocations.parse().ok()?,
        })
    }

    /// What the table of `before` does not allow.
    fn faults(&self, before: &[Self]) -> Vec<String> {
        let same = |row: &&Self| row.mode == self.mode && row.server == self.server;
        let Some(before) = before.iter().find(same) else {
            return vec![format!("{}: not in {FILE}", self.mode)];
        };
        let mut faults = self.grown(before);
        let free = !STILL_ALLOCATING.contains(&self.mode.as_str());
        if free && self.allocations > 0.0 {
            faults.push(format!(
                "{}: a {} has to cost no allocation",
                self.mode, self.unit
            ));
        }
        faults
    }

    /// What has grown since `before`, in words.
    fn grown(&self, before: &Self) -> Vec<String> {
        let (more_calls, more_instructions) = match self.mode.as_str() {
            "stream" => (MORE_OF_A_STREAM, MORE_OF_A_STREAM),
            _ => (1.0, MORE_INSTRUCTIONS),
        };
        let figures = [
            ("system calls", self.calls, before.calls, more_calls),
            (
                "instructions",
                self.instructions,
                before.instructions,
                more_instructions,
            ),
            ("allocations", self.allocations, before.allocations, 1.0),
        ];
        let grown = figures
            .into_iter()
            .filter(|(_, now, before, more)| *now > before * more + 0.00005);
        let Self { mode, unit, .. } = self;
        let tell = |(what, now, before, _)| {
            format!("{mode}: {what} a {unit} have grown from {before:.4} to {now:.4}")
        };
        grown.map(tell).collect()
    }
}

pub(crate) fn print(rows: &[Row]) {
    print!("{}", text(rows));
}

pub(crate) fn update(rows: &[Row]) {
    print(rows);
    fs::write(FILE, text(rows)).expect("the tree can be written to");
}

/// Fails if ropewalk costs more than the file says, or allocates for a message.
pub(crate) fn check(rows: &[Row]) -> ExitCode {
    print(rows);
    let text = fs::read_to_string(FILE).expect("the file is part of the tree");
    let before: Vec<Row> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(Row::read)
        .collect();
    let ours = rows.iter().filter(|row| row.server == "ropewalk");
    let faults: Vec<String> = ours.flat_map(|row| row.faults(&before)).collect();
    for fault in &faults {
        println!("{fault}");
    }
    if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        println!("if that is meant: cargo bench --bench exact -- --update");
        ExitCode::FAILURE
    }
}

fn text(rows: &[Row]) -> String {
    HEAD.lines()
        .map(|line| format!("{line}\n"))
        .chain(rows.iter().map(Row::line))
        .collect()
}

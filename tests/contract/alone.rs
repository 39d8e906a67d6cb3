//! Tests that need a process of their own, with limits that would hurt others. Owns the starting of it again.

use std::process::Command;

/// Set in the process that was started for one test.
const MARK: &str = "ROPEWALK_TEST_ALONE";

/// Runs a test once more in a process of its own, after the shell's `prelude`, unless this is that process already.
/// `true` if it is.
pub(crate) fn alone(test: &str, prelude: &str) -> bool {
    if is_alone() {
        return true;
    }
    let program = std::env::current_exe().expect("a test runs from a file");
    let script = format!("{prelude}; exec \"$0\" --exact \"$1\"");
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(program)
        .arg(test)
        .env(MARK, "1")
        .output()
        .expect("there is a shell");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{test} alone: {}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

/// Whether this process was started for one test.
pub(crate) fn is_alone() -> bool {
    std::env::var_os(MARK).is_some()
}

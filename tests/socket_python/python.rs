//! Python's side of a row: a `python3` of its own. Owns how its values and errors are told; knows no row.

use std::process::Command;

/// Tells values and errors in the words of `shown.rs`.
const PROGRAM: &str = r#"
import errno, ipaddress, socket, sys

def is_address(value):
    return type(value) is tuple and len(value) >= 2 and type(value[0]) is str and type(value[1]) is int

def shown(value):
    if value is None: return "none"
    if type(value) is bytes: return "bytes " + value.hex()
    if is_address(value): return f"[{value[0]}]:{value[1]}"
    if type(value) in (tuple, list): return "(" + ", ".join(map(shown, value)) + ")"
    return str(value)

LOOKUPS = {socket.EAI_NONAME: "unknown", socket.EAI_NODATA: "no data", socket.EAI_AGAIN: "temporary",
    socket.EAI_SERVICE: "service"}
# Of an address without a name the C library's newer function tells no more than that there is none.
REVERSE = {2: "temporary"}

def told(error):
    name = type(error).__name__
    if isinstance(error, socket.gaierror): return f"{name} {LOOKUPS.get(error.errno, 'failed')}"
    if isinstance(error, socket.herror): return f"{name} {REVERSE.get(error.errno, 'unknown')}"
    if isinstance(error, TimeoutError): return name
    return f"{name} {shown(error.errno)}"

host, port = sys.argv[1], int(sys.argv[2])
exec(sys.argv[3])
*statements, last = sys.argv[4].split("; ")
try:
    for statement in statements:
        exec(statement)
    print(shown(eval(last)))
except OSError as error:
    print(told(error))
"#;

/// What a row comes to; its last statement is an expression.
#[track_caller]
pub(crate) fn run(host: &str, port: u16, begin: &str, row: &str) -> String {
    let mut python = Command::new("python3");
    python.args(["-c", PROGRAM, host, &port.to_string(), begin, row]);
    let done = python
        .output()
        .expect("python3 is needed, and can't be run");
    let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "python3: {}", said(&done.stderr));
    said(&done.stdout).trim_end_matches('\n').to_owned()
}

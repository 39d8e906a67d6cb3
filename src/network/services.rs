//! The system's table of services. Owns how it is read, anew each time, for it is asked for rarely; knows no port by itself.

use std::str::SplitWhitespace;

const FILE: &str = "/etc/services";

/// The port of a service, by its name or another one it has.
pub(crate) fn port_of(service: &str, protocol: Option<&str>) -> Option<u16> {
    let table = std::fs::read(FILE).ok()?;
    find_port(&String::from_utf8_lossy(&table), service, protocol)
}

/// The first name of the service at a port.
pub(crate) fn name_of(port: u16, protocol: Option<&str>) -> Option<String> {
    let table = std::fs::read(FILE).ok()?;
    find_name(&String::from_utf8_lossy(&table), port, protocol).map(str::to_owned)
}

/// A line, `name port/protocol alias... # comment`.
struct Row<'a> {
    name: &'a str,
    port: u16,
    protocol: &'a str,
    aliases: SplitWhitespace<'a>,
}

/// The rows of a protocol; of all of them, if none is asked for.
fn rows<'a>(table: &'a str, protocol: Option<&'a str>) -> impl Iterator<Item = Row<'a>> {
    table
        .lines()
        .filter_map(row)
        .filter(move |row| protocol.is_none_or(|protocol| protocol == row.protocol))
}

fn row(line: &str) -> Option<Row<'_>> {
    let line = line.split_once('#').map_or(line, |(entry, _comment)| entry);
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let (port, protocol) = words.next()?.split_once('/')?;
    Some(Row {
        name,
        port: port.parse().ok()?,
        protocol,
        aliases: words,
    })
}

fn find_port(table: &str, service: &str, protocol: Option<&str>) -> Option<u16> {
    rows(table, protocol)
        .find(|row| row.name == service || row.aliases.clone().any(|alias| alias == service))
        .map(|row| row.port)
}

fn find_name<'a>(table: &'a str, port: u16, protocol: Option<&'a str>) -> Option<&'a str> {
    rows(table, protocol)
        .find(|row| row.port == port)
        .map(|row| row.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# well known\n\
                         domain\t\t53/udp\n\
                         domain\t\t53/tcp\n\
                         http 80/tcp www web # the web, not gopher\n\
                         \n\
                         broken\n\
                         far 70000/tcp\n\
                         syslog 514/udp\n\
                         shell 514/tcp cmd\n";

    #[test]
    fn services_have_aliases_comments_and_other_protocols() {
        let tcp = |service| find_port(TABLE, service, Some("tcp"));
        assert_eq!(tcp("domain"), Some(53));
        assert_eq!(tcp("http"), Some(80));
        assert_eq!(tcp("web"), Some(80));
        for absent in ["gopher", "broken", "far", "syslog", "", "#"] {
            assert_eq!(tcp(absent), None, "{absent}");
        }
        assert_eq!(find_port(TABLE, "syslog", None), Some(514));
    }

    #[test]
    fn ports_have_names() {
        assert_eq!(find_name(TABLE, 80, Some("tcp")), Some("http"));
        assert_eq!(find_name(TABLE, 514, Some("tcp")), Some("shell"));
        assert_eq!(find_name(TABLE, 514, Some("udp")), Some("syslog"));
        assert_eq!(find_name(TABLE, 514, None), Some("syslog"));
        assert_eq!(find_name(TABLE, 81, None), None);
        assert_eq!(find_name(TABLE, 80, Some("udp")), None);
    }
}

//! What the system lets a process have. Owns the reading of it, and the descriptor held in reserve is opened here.

use std::fs::File;

/// `None` where there is no such file, and while descriptors are exhausted: asked again when it is needed.
pub(super) fn open_reserve() -> Option<File> {
    File::open("/dev/null").ok()
}

/// How many descriptors the process may have open, if that is limited and known.
pub(super) fn descriptors() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    open_files_limit(&limits)
}

/// The soft limit on open files, from the text of `/proc/self/limits`.
fn open_files_limit(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_read_from_the_table() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             63447                63447                processes \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(open_files_limit(limits), Some(1024));
        let unlimited =
            "Max open files            unlimited            unlimited            files\n";
        assert_eq!(open_files_limit(unlimited), None);
        assert_eq!(open_files_limit(""), None);
    }
}

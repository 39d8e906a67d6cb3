//! The file of a tape. Owns who may read it, and that no earlier tape is lost to it; writes nothing into it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// So many earlier tapes are kept beside a new one.
const MOST_KEPT: u32 = 10_000;

/// Makes the file. A program that died is often started again at once: the tape that tells why must outlive that.
pub(super) fn create(path: &Path) -> io::Result<File> {
    // A pipe or a device is nobody's earlier tape.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return OpenOptions::new().write(true).open(path);
    }
    if fs::symlink_metadata(path).is_ok() {
        let kept = free_name(path)?;
        fs::rename(path, &kept)?;
        log::info!("the tape that was there is now {}", kept.display());
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        // All that was said is on it.
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

fn free_name(path: &Path) -> io::Result<PathBuf> {
    let numbered = |number: u32| {
        let mut name = OsString::from(path);
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    let mut names = (1..=MOST_KEPT).map(numbered);
    names
        .find(|name| fs::symlink_metadata(name).is_err())
        .ok_or_else(|| {
            let what = format!("{MOST_KEPT} earlier tapes are beside it");
            io::Error::new(io::ErrorKind::AlreadyExists, what)
        })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A directory of this test's own, gone when it is over.
    struct Place(PathBuf);

    impl Drop for Place {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    fn place(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("ropewalk-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("there is room");
        Place(path)
    }

    #[test]
    fn earlier_tapes_are_kept_in_their_order() {
        let place = place("earlier-tapes");
        let path = place.0.join("tape");
        for words in ["one", "two", "three"] {
            let mut file = create(&path).expect("it can be made");
            file.write_all(words.as_bytes()).expect("and written");
        }
        let read = |name: &str| fs::read_to_string(place.0.join(name)).expect("it is there");
        assert_eq!(read("tape.1"), "one");
        assert_eq!(read("tape.2"), "two");
        assert_eq!(read("tape"), "three");
        assert_eq!(fs::read_dir(&place.0).expect("it is there").count(), 3);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let place = place("private-tape");
        let path = place.0.join("tape");
        fs::write(&path, "left for all to see").expect("it can be made");
        let file = create(&path).expect("it can be made");
        let mode = file.metadata().expect("it is open").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_where_it_is() {
        create(Path::new("/dev/null")).expect("it takes all");
        assert!(fs::symlink_metadata("/dev/null.1").is_err());
    }
}

//! Who a peer on the same machine is. Owns the words; asks nobody.

/// Who is at the other end of a Unix stream, by the system's word: as it was when the connection was made, or began to be
/// listened for. The process may have gone since, and its number be another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// The number of its process.
    pub pid: u32,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

//! Bugs planted on purpose, so that it can be shown that the simulation catches what it is for. Owns their names, and which
//! of them is in place on this thread; nothing of it is in a library built without `--cfg ropewalk_canaries`, which no
//! release is.

#[cfg(ropewalk_canaries)]
use std::cell::Cell;

/// Whether a bug is in place here. Without the cfg it is `false` before anything is compiled.
#[cfg(not(ropewalk_canaries))]
macro_rules! canary {
    ($bug:ident) => {
        false
    };
}

#[cfg(ropewalk_canaries)]
macro_rules! canary {
    ($bug:ident) => {
        $crate::canary::is_planted($crate::canary::Bug::$bug)
    };
}

#[cfg(ropewalk_canaries)]
macro_rules! bugs {
    ($($(#[doc = $what:literal])* $name:ident,)*) => {
        /// A bug of a kind that real projects had. The line that it changes carries its name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Bug {
            $($(#[doc = $what])* $name,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

#[cfg(ropewalk_canaries)]
bugs! {
    /// The peer's FIN is read and not told.
    EndUntold,
    /// A half-close that waited for what was unsent is forgotten.
    FinUnsent,
    /// Our FIN counts as the end of both directions.
    HalfCloseEndsBoth,
    /// What is unsent when a connection is closed is dropped.
    TailLost,
    /// A socket is closed at once, its input unread, so that the kernel's RST destroys our last reply.
    LingerSkipped,
    /// Who is closed and takes nothing stays for ever.
    CloseUnbounded,
    /// A broken connection is taken for one that ended in order.
    ResetTakenForEnd,
    /// An id is a place in the table, whoever stands there now.
    SerialUnchecked,
    /// A write that took a part is taken for a socket that takes no more.
    ShortWriteBlocks,
    /// A socket that is readable and writable is only read.
    WritableOverlooked,
    /// A write that ends within a later piece begins that piece anew.
    PieceRepeated,
    /// What a write has left of a queued piece is dropped.
    PieceCut,
    /// What a write has left of a reply that was offered at once is dropped.
    RestUnqueued,
    /// A buffer is given back as it is, and the next connection sends what is in it.
    BufferDirty,
    /// What is received behind a full share of a turn is left to an edge that does not come.
    ReadShareForgotten,
    /// An interrupted read is taken for one that found nothing.
    ReadInterrupted,
    /// A connection that resumes reading waits for new input.
    ResumeForgotten,
    /// A paused connection is read all the same.
    PauseIgnored,
    /// A listener without a descriptor leaves it at that.
    ListenerDeaf,
    /// One caller who is gone already ends the accepting of others.
    AcceptErrorEnds,
    /// Callers behind a full share of a turn are left to an edge that does not come.
    AcceptShareForgotten,
    /// The socket of an attempt to connect that failed stays open.
    DescriptorLeaked,
    /// Pressure that was resumed is not noted, and resumed again.
    ResumedTwice,
    /// Writing is paused at the high mark, not above it.
    HighMarkOff,
    /// Writing is resumed below the low mark, not at it.
    LowMarkOff,
    /// Who does not read is sent more without end.
    HardLimitIgnored,
    /// A timer fires up to a millisecond before its time, as when a timeout was rounded down.
    TimerEarly,
    /// A timer that is cancelled by another of the same moment fires.
    CancelledTimerFires,
    /// Posted calls beyond the share of a turn are dropped.
    PostsDropped,
    /// A protocol that panicked is told of no loss.
    PanicUntold,
    /// The unfinished end of what was received is not kept.
    RestLost,
    /// A line that was received in two parts is not told.
    FrameAtBorderLost,
    /// A last line without an end is not told.
    LastLineLost,
    /// Of a delimiter that was received in two parts the first stays in the line.
    SplitDelimiter,
    /// Datagrams behind a full share of a turn are left to an edge that does not come.
    DatagramShareForgotten,
    /// Datagrams that the system had no room for are left waiting.
    DatagramsStuck,
    /// A protocol of datagrams that panicked is told of no end.
    DatagramPanicUntold,
}

#[cfg(ropewalk_canaries)]
thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Plants a bug in all reactors of this thread, in place of the one before.
#[cfg(ropewalk_canaries)]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

#[cfg(ropewalk_canaries)]
pub(crate) fn is_planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

//! A framing as a connection has it: those that come with the crate by themselves, so that they can be told apart and shared.
//! Owns that list; cuts nothing.

use std::any::Any;

use super::{
    Cobs, FixedSize, Framing, Int8, Int16, Int32, LengthDelimited, Lines, Netstring, Slip, Varint,
};
use crate::error::FrameError;

/// A framing: the frequent one by itself, so that its calls are direct.
pub(crate) enum FramingKind {
    Lines(Lines),
    BuiltIn(BuiltIn),
    /// A user's own.
    Other(Box<dyn Framing>),
}

impl std::fmt::Debug for FramingKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lines(lines) => lines.fmt(f),
            Self::BuiltIn(framing) => framing.fmt(f),
            Self::Other(_) => f.write_str("Framing"),
        }
    }
}

impl FramingKind {
    /// Recognizes those of the crate among all framings.
    pub(crate) fn of<F: Framing>(framing: F) -> Self {
        let any: &dyn Any = &framing;
        if let Some(lines) = any.downcast_ref::<Lines>() {
            return Self::Lines(lines.clone());
        }
        match BuiltIn::of(any) {
            Some(framing) => Self::BuiltIn(framing),
            None => Self::Other(Box::new(framing)),
        }
    }

    /// Its rules, whichever it is.
    pub(crate) fn rules(&self) -> &dyn Framing {
        match self {
            Self::Lines(lines) => lines,
            Self::BuiltIn(framing) => framing.rules(),
            Self::Other(framing) => &**framing,
        }
    }

    /// Appends a frame in its envelope.
    #[inline]
    pub(crate) fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        match self {
            Self::Lines(lines) => lines.encode(frame, out),
            _ => self.rules().encode(frame, out),
        }
    }

    /// Whether it is certain that the other one does the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Lines(this), Self::Lines(other)) => this == other,
            (Self::BuiltIn(this), Self::BuiltIn(other)) => this == other,
            _ => false,
        }
    }
}

macro_rules! built_in {
    ($($name:ident),* $(,)?) => {
        /// One of the crate's framings other than lines.
        #[derive(Debug, PartialEq, Eq)]
        pub(crate) enum BuiltIn { $($name($name)),* }

        impl BuiltIn {
            fn of(framing: &dyn Any) -> Option<Self> {
                $(if let Some(framing) = framing.downcast_ref::<$name>() {
                    return Some(Self::$name(framing.clone()));
                })*
                None
            }

            fn rules(&self) -> &dyn Framing {
                match self { $(Self::$name(framing) => framing),* }
            }
        }
    };
}

built_in! { Int8, Int16, Int32, Varint, FixedSize, LengthDelimited, Netstring, Slip, Cobs }

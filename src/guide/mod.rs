//! Longer texts, to be read with a program of one's own in mind. Owns words and the programs in them, which are run as
//! tests; holds no code of the crate.
//!
//! - [`recipes`]: the small things every protocol needs, each as a whole protocol with its test.

#[doc = include_str!("recipes.md")]
pub mod recipes {}

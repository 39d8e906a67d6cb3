//! Names that stand before an endpoint, to put a layer on its connections. Owns their text; knows no layer.

use std::fmt;

use super::grammar::{self, Escaped};
use crate::error::EndpointError;

/// The name of a [`Wrapper`](crate::layer::Wrapper), with what it is told: `toy:key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapping {
    name: String,
    keyed: Vec<(String, String)>,
}

/// An endpoint behind the name of a wrapper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped<E> {
    wrapping: Wrapping,
    inner: Box<E>,
}

impl Wrapping {
    /// A wrapper's name: letters, digits, `+`, `-` and `.`, a letter first.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            keyed: Vec::new(),
        }
    }

    /// With a key and its value.
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.add(key.into(), value.into());
        self
    }

    /// The wrapper's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn add(&mut self, key: String, value: String) {
        self.keyed.push((key, value));
    }

    pub(super) fn is_name(text: &str) -> bool {
        let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(belongs)
    }
}

impl<E> Wrapped<E> {
    pub(super) fn new(wrapping: Wrapping, inner: E) -> Self {
        Self {
            wrapping,
            inner: Box::new(inner),
        }
    }

    /// What it is wrapped in.
    pub fn wrapping(&self) -> &Wrapping {
        &self.wrapping
    }

    /// The endpoint itself.
    pub fn inner(&self) -> &E {
        &self.inner
    }

    pub(super) fn inner_mut(&mut self) -> &mut E {
        &mut self.inner
    }

    pub(crate) fn into_parts(self) -> (Wrapping, E) {
        (self.wrapping, *self.inner)
    }
}

/// What a wrapper is told by a description: it takes the keys it knows, and what is left is an error.
#[derive(Debug)]
pub struct WrappingOptions {
    /// The whole description, as far as it is wrapped in this.
    description: String,
    keyed: Vec<(String, String)>,
}

impl WrappingOptions {
    pub(crate) fn new(wrapping: &Wrapping, inner: &impl fmt::Display) -> Self {
        Self {
            description: format!("{wrapping}:{inner}"),
            keyed: wrapping.keyed.clone(),
        }
    }

    /// The value of a key, if it is given; the first one, if it is given twice.
    pub fn take(&mut self, key: &str) -> Option<String> {
        let place = self.keyed.iter().position(|(other, _)| other == key)?;
        Some(self.keyed.remove(place).1)
    }

    /// The error that something else was expected: for the value of `key`, or, if the description has no such key, of the
    /// wrapper.
    pub fn expected(&self, key: &str, expected: &str) -> EndpointError {
        let mark = format!(":{}=", Escaped(key));
        let at = self.description.find(&mark).map_or(0, |at| at + mark.len());
        grammar::error(&self.description, at, expected)
    }

    /// Refuses what was not taken.
    pub(crate) fn finish(self) -> Result<(), EndpointError> {
        let Some((key, _)) = self.keyed.first() else {
            return Ok(());
        };
        let mark = format!(":{}=", Escaped(key));
        let at = self.description.find(&mark).map_or(0, |at| at + 1);
        let expected = "no such key, or only once";
        Err(grammar::error(&self.description, at, expected))
    }

    /// There is no wrapper of that name.
    pub(crate) fn unknown(&self, known: &str) -> EndpointError {
        let expected = match known {
            "" => "a scheme (no wrapper was added to the reactor)".to_owned(),
            known => format!("a scheme, or one of the wrappers {known}"),
        };
        grammar::error(&self.description, 0, &expected)
    }
}

/// `toy:key=value`.
impl fmt::Display for Wrapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.name).fmt(f)?;
        for (key, value) in &self.keyed {
            write!(f, ":{}={}", Escaped(key), Escaped(value))?;
        }
        Ok(())
    }
}

/// `toy:key=value:tcp:8007`.
impl<E: fmt::Display> fmt::Display for Wrapped<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.wrapping, self.inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::is_refused;
    use crate::endpoint::{ClientEndpoint, ServerEndpoint};

    #[test]
    fn wrappers_stand_before_an_endpoint_with_keys_of_their_own() {
        let endpoint: ServerEndpoint = r"a:x=1:y=\:\=:b:tcp:8007:backlog=5".parse().unwrap();
        let inner = ServerEndpoint::from(ServerEndpoint::tcp(8007).backlog(5));
        let inner = inner.wrapped(Wrapping::new("b"));
        let outer = Wrapping::new("a").with("x", "1").with("y", ":=");
        assert_eq!(endpoint, inner.wrapped(outer));
        assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        let endpoint: ClientEndpoint = "a:tcp:h:1:timeout=3".parse().unwrap();
        assert_eq!(endpoint.to_string(), "a:tcp:h:1:timeout=3");
    }

    #[test]
    fn refusals_say_where_in_the_whole_description() {
        let scheme = "a scheme (tcp, tcp6, unix, fd, systemd) and a colon";
        for (description, at, expected) in [
            ("a:b", 0, scheme),
            ("a b:tcp:1", 0, scheme),
            ("x=1:tcp:1", 0, scheme),
            ("a:?:tcp:1", 2, scheme),
            ("a:x=1:tcp:interface=*", 10, crate::endpoint::Port::EXPECTED),
        ] {
            is_refused::<ServerEndpoint>(description, at, expected);
        }
    }

    #[test]
    fn what_a_wrapper_does_not_take_is_refused() {
        let wrapping = Wrapping::new("a").with("x", "1").with("y", "2");
        let mut options = WrappingOptions::new(&wrapping, &"tcp:1");
        assert_eq!(options.take("x").as_deref(), Some("1"));
        assert_eq!(options.take("x"), None);
        assert_eq!(options.expected("y", "another").at, 8);
        assert_eq!(options.finish().unwrap_err().at, 6);
    }
}

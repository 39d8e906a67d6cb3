//! The grammar under all endpoint descriptions: `scheme:positional:key=value`, with Twisted's escapes. Owns where a piece
//! begins and ends; does not know any scheme.

use std::collections::VecDeque;
use std::fmt;
use std::mem;

use crate::error::EndpointError;

/// A piece of a description, without its escapes.
#[derive(Debug)]
pub(super) struct Piece {
    /// Where it begins in the description, in bytes.
    pub(super) at: usize,
    pub(super) text: String,
}

/// Keys, where there are some, and values.
pub(super) type Pieces = Vec<(Option<Piece>, Piece)>;

/// What is left to be read of a description: a scheme's function takes what it knows, and the rest is an error.
#[derive(Debug)]
pub(super) struct Arguments<'a> {
    description: &'a str,
    positional: VecDeque<Piece>,
    keyed: Vec<(Piece, Piece)>,
}

impl<'a> Arguments<'a> {
    /// The pieces behind a scheme's name.
    pub(super) fn of(description: &'a str, pieces: Pieces) -> Result<Self, EndpointError> {
        let mut arguments = Self {
            description,
            positional: VecDeque::new(),
            keyed: Vec::new(),
        };
        for (key, value) in pieces {
            match key {
                Some(key) => arguments.keyed.push((key, value)),
                None if arguments.keyed.is_empty() => arguments.positional.push_back(value),
                None => {
                    return Err(arguments.expected(
                        value.at,
                        "key=value (a colon in a value is written \\:, an IPv6 address in brackets)",
                    ));
                }
            }
        }
        Ok(arguments)
    }

    /// How many positional pieces there are.
    pub(super) fn positionals(&self) -> usize {
        self.positional.len()
    }

    /// The next positional piece.
    pub(super) fn positional(&mut self, expected: &str) -> Result<Piece, EndpointError> {
        match self.positional.pop_front() {
            Some(piece) => Ok(piece),
            None => Err(self.missing(expected)),
        }
    }

    /// The error that something is missing where it should have been: before the first key, or at the end.
    pub(super) fn missing(&self, expected: &str) -> EndpointError {
        let first = self.keyed.first();
        let at = first.map_or(self.description.len(), |(key, _)| key.at);
        self.expected(at, expected)
    }

    /// Refuses a positional piece more.
    pub(super) fn no_more_positional(&self, expected: &str) -> Result<(), EndpointError> {
        match self.positional.front() {
            Some(piece) => Err(self.expected(piece.at, expected)),
            None => Ok(()),
        }
    }

    /// The value of a key that goes by any of `names`.
    pub(super) fn keyed(&mut self, names: &[&str]) -> Result<Option<Piece>, EndpointError> {
        let is_named = |(key, _): &(Piece, Piece)| names.contains(&key.text.as_str());
        let Some(first) = self.keyed.iter().position(is_named) else {
            return Ok(None);
        };
        let (_, value) = self.keyed.remove(first);
        match self.keyed.iter().find(|entry| is_named(entry)) {
            Some((again, _)) => Err(self.expected(again.at, &format!("{} only once", names[0]))),
            None => Ok(Some(value)),
        }
    }

    /// Refuses what was not taken; `known` names the keys there are.
    pub(super) fn finish(self, known: &str) -> Result<(), EndpointError> {
        match self.keyed.first() {
            Some((key, _)) => Err(self.expected(key.at, &format!("one of the keys {known}"))),
            None => Ok(()),
        }
    }

    /// The error that at `at` there is something else.
    pub(super) fn expected(&self, at: usize, expected: &str) -> EndpointError {
        error(self.description, at, expected)
    }
}

/// Writes text such that it is read back as one piece, and not as a bracketed one.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if matches!(character, '\\' | ':' | '=' | '[' | ']') {
                f.write_str("\\")?;
            }
            write!(f, "{character}")?;
        }
        Ok(())
    }
}

/// Splits at unescaped colons, and at the first unescaped `=` of each piece. Brackets protect what is in them, and stay.
pub(super) fn split(description: &str) -> Result<Pieces, EndpointError> {
    let mut pieces = Vec::new();
    let mut key = None;
    let mut piece = Piece::starting(0);
    let mut bracket = None;
    let mut characters = description.char_indices();
    while let Some((at, character)) = characters.next() {
        match (character, bracket) {
            ('\\', _) => match characters.next() {
                Some((_, escaped)) => piece.text.push(escaped),
                None => {
                    let end = description.len();
                    return Err(error(description, end, "a character after the backslash"));
                }
            },
            (':', None) => pieces.push((
                key.take(),
                mem::replace(&mut piece, Piece::starting(at + 1)),
            )),
            ('=', None) if key.is_none() => {
                key = Some(mem::replace(&mut piece, Piece::starting(at + 1)));
            }
            _ => {
                match character {
                    '[' if bracket.is_none() => bracket = Some(at),
                    ']' => bracket = None,
                    _ => {}
                }
                piece.text.push(character);
            }
        }
    }
    if let Some(at) = bracket {
        return Err(error(description, at, "a bracket that is closed again"));
    }
    pieces.push((key, piece));
    Ok(pieces)
}

/// The error that at `at` there is something else.
pub(super) fn error(description: &str, at: usize, expected: &str) -> EndpointError {
    EndpointError {
        description: description.to_owned(),
        at,
        expected: expected.to_owned(),
    }
}

impl Piece {
    fn starting(at: usize) -> Self {
        Self {
            at,
            text: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces as `at text` or `at key = at value`.
    #[track_caller]
    fn pieces(description: &str) -> Vec<String> {
        split(description)
            .unwrap()
            .into_iter()
            .map(|(key, Piece { at, text })| match key {
                Some(key) => format!("{} {} = {at} {text}", key.at, key.text),
                None => format!("{at} {text}"),
            })
            .collect()
    }

    #[test]
    fn colons_separate() {
        assert_eq!(pieces("tcp:a:b=c"), ["0 tcp", "4 a", "6 b = 8 c"]);
        assert_eq!(pieces(""), ["0 "]);
        assert_eq!(pieces("a::"), ["0 a", "2 ", "3 "]);
    }

    #[test]
    fn a_backslash_escapes_any_character() {
        assert_eq!(pieces(r"a\:b\=\\\[\ü:c"), ["0 a:b=\\[ü", "14 c"]);
    }

    #[test]
    fn brackets_protect_and_stay() {
        assert_eq!(pieces("tcp:[::1]:80"), ["0 tcp", "4 [::1]", "10 80"]);
        assert_eq!(pieces("i=[a=b:c]:d"), ["0 i = 2 [a=b:c]", "10 d"]);
        assert_eq!(pieces("a]:b"), ["0 a]", "3 b"]);
        assert_eq!(pieces("[[:]:b"), ["0 [[:]", "5 b"]);
    }

    #[test]
    fn only_the_first_equals_sign_separates() {
        assert_eq!(pieces("a=b=c:=d"), ["0 a = 2 b=c", "6  = 7 d"]);
    }

    #[test]
    fn what_does_not_end_is_told_where_it_began() {
        let open = split("tcp:[::1:80").unwrap_err();
        assert_eq!(
            (open.at, &*open.expected),
            (4, "a bracket that is closed again")
        );
        let cut = split("tcp:80\\").unwrap_err();
        assert_eq!(
            (cut.at, &*cut.expected),
            (7, "a character after the backslash")
        );
    }
}

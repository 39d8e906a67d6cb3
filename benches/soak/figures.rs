//! The figures of a server at one moment. Owns their names; compares nothing.

use std::collections::BTreeMap;

#[derive(Clone)]
pub(crate) struct Figures(BTreeMap<String, u64>);

impl Figures {
    /// Reads `name=value` and so on.
    pub(crate) fn read(line: &str) -> Self {
        let figure = |word: &str| {
            let (name, value) = word.split_once('=')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        let words = line.split_whitespace();
        Self(
            words
                .map(|word| figure(word).unwrap_or_else(|| panic!("the server said {word:?}")))
                .collect(),
        )
    }

    pub(crate) fn add(&mut self, name: &str, value: u64) {
        self.0.insert(name.to_owned(), value);
    }

    pub(crate) fn of(&self, name: &str) -> u64 {
        let value = self.0.get(name).copied();
        value.unwrap_or_else(|| panic!("the server does not tell {name}"))
    }
}

//! Descriptions of endpoints, as operators write them: read, or refused at a place that is in them.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use ropewalk::{ClientEndpoint, EndpointError, ServerEndpoint};

use super::within;

/// Pieces of a description, its copy in the error, and what was expected: so many times its length, and as much besides.
const EACH: usize = 16;
const BESIDES: usize = 4096;

pub(crate) fn play(input: &[u8]) {
    let Ok(description) = str::from_utf8(input) else {
        return;
    };
    read::<ServerEndpoint>(description);
    read::<ClientEndpoint>(description);
}

fn read<E>(description: &str)
where
    E: FromStr<Err = EndpointError> + Display + Debug + PartialEq,
{
    let most = EACH * description.len() + BESIDES;
    match within(most, || description.parse::<E>()) {
        Ok(endpoint) => {
            let shown = endpoint.to_string();
            assert_eq!(shown.parse(), Ok(endpoint), "{shown:?}");
        }
        Err(error) => {
            assert_eq!(error.description, description);
            assert!(description.is_char_boundary(error.at), "{error:?}");
            assert!(!error.expected.is_empty(), "{error:?}");
        }
    }
}

//! Descriptions of endpoints, as operators write them: read, or refused at a place that is in them.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use ropewalk::{ClientEndpoint, EndpointError, ServerEndpoint};

use super::within;

/// Each byte may be a piece of its own, with its text and its place; besides there is an error, with what was expected.
const EACH: usize = 256;
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

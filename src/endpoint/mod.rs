//! Endpoints: where to listen and where to connect to, as people write it. Owns the schemes there are and their text; opens
//! nothing and looks nothing up.

mod client;
mod grammar;
mod port;
mod server;

pub use client::ClientEndpoint;
pub use port::Port;
pub use server::ServerEndpoint;

use grammar::Arguments;

use crate::error::EndpointError;

/// A scheme: its name, and what reads the rest.
type Scheme<E> = (
    &'static str,
    fn(&mut Arguments<'_>) -> Result<E, EndpointError>,
    // The keys it knows, for the error about another.
    &'static str,
);

fn parse<E>(description: &str, schemes: &[Scheme<E>]) -> Result<E, EndpointError> {
    let (scheme, mut arguments) = Arguments::of(description)?;
    match schemes.iter().find(|(name, ..)| *name == scheme.text) {
        Some((_, read, keys)) => {
            let endpoint = read(&mut arguments)?;
            arguments.finish(keys)?;
            Ok(endpoint)
        }
        None => {
            let known: Vec<_> = schemes.iter().map(|(name, ..)| *name).collect();
            let expected = format!("a scheme ({}) and a colon", known.join(", "));
            Err(arguments.expected(scheme.at, &expected))
        }
    }
}

/// All that makes a type be read from its description.
macro_rules! read_from_descriptions {
    ($endpoint:ty, $schemes:expr) => {
        impl std::str::FromStr for $endpoint {
            type Err = EndpointError;

            fn from_str(description: &str) -> Result<Self, EndpointError> {
                parse(description, $schemes)
            }
        }

        impl TryFrom<&str> for $endpoint {
            type Error = EndpointError;

            fn try_from(description: &str) -> Result<Self, EndpointError> {
                description.parse()
            }
        }

        impl TryFrom<&String> for $endpoint {
            type Error = EndpointError;

            fn try_from(description: &String) -> Result<Self, EndpointError> {
                description.parse()
            }
        }

        impl TryFrom<String> for $endpoint {
            type Error = EndpointError;

            fn try_from(description: String) -> Result<Self, EndpointError> {
                description.parse()
            }
        }
    };
}

read_from_descriptions!(ServerEndpoint, server::SCHEMES);
read_from_descriptions!(ClientEndpoint, client::SCHEMES);

/// What stands in brackets, or the whole where there are none.
fn without_brackets(text: &str) -> &str {
    text.strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text)
}

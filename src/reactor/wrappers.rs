//! The wrappers that a reactor knows, and endpoints freed of them. Owns which name is whose; the layers are put on by whoever
//! listens or connects.

use std::collections::BTreeMap;

use super::Reactor;
use crate::endpoint::{ClientEndpoint, ServerEndpoint, Wrapping, WrappingOptions};
use crate::error::EndpointError;
use crate::layer::{Layer, LayerMaker, Wrapper};

/// By name.
pub(super) type Wrappers = BTreeMap<String, Box<dyn Wrapper>>;

impl Reactor {
    /// From now on endpoints may begin with `name`, which puts layers on their connections: see [`Wrapper`]. One of that name
    /// that was there is forgotten.
    pub fn add_wrapper(&mut self, name: impl Into<String>, wrapper: impl Wrapper) {
        let before = self.wrappers.insert(name.into(), Box::new(wrapper));
        if let Some(before) = before {
            self.discard(before);
        }
    }

    /// What an endpoint comes to without its wrappers, and the makers of their layers: the last of the names is nearest the
    /// wire.
    pub(super) fn unwrap_server(
        &mut self,
        mut endpoint: ServerEndpoint,
    ) -> Result<(ServerEndpoint, Vec<LayerMaker>), EndpointError> {
        let mut makers = Vec::new();
        while let ServerEndpoint::Wrapped(wrapped) = endpoint {
            let (wrapping, inner) = wrapped.into_parts();
            let mut options = WrappingOptions::new(&wrapping, &inner);
            let wrapper = self.wrapper(&wrapping, &options)?;
            makers.push(wrapper.server(&mut options, &inner)?);
            options.finish()?;
            endpoint = inner;
        }
        makers.reverse();
        Ok((endpoint, makers))
    }

    /// Likewise, with the layers of one connection.
    pub(super) fn unwrap_client(
        &mut self,
        mut endpoint: ClientEndpoint,
    ) -> Result<(ClientEndpoint, Vec<Box<dyn Layer>>), EndpointError> {
        let mut layers = Vec::new();
        while let ClientEndpoint::Wrapped(wrapped) = endpoint {
            let (wrapping, inner) = wrapped.into_parts();
            let mut options = WrappingOptions::new(&wrapping, &inner);
            let wrapper = self.wrapper(&wrapping, &options)?;
            layers.push(wrapper.client(&mut options, &inner)?);
            options.finish()?;
            endpoint = inner;
        }
        layers.reverse();
        Ok((endpoint, layers))
    }

    fn wrapper(
        &self,
        wrapping: &Wrapping,
        options: &WrappingOptions,
    ) -> Result<&dyn Wrapper, EndpointError> {
        match self.wrappers.get(wrapping.name()) {
            Some(wrapper) => Ok(&**wrapper),
            None => {
                let known: Vec<&str> = self.wrappers.keys().map(String::as_str).collect();
                Err(options.unknown(&known.join(", ")))
            }
        }
    }
}

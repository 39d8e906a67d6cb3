//! Layers that endpoints can name. Owns what a scheme of one's own has to know; the reactor keeps those it has learnt.

use super::Layer;
use crate::endpoint::{ClientEndpoint, ServerEndpoint, WrappingOptions};
use crate::error::EndpointError;

/// Makes a layer for each connection.
pub type LayerMaker = Box<dyn FnMut() -> Box<dyn Layer>>;

/// A scheme that stands before another endpoint's and puts a layer on its connections, nearest the wire:
/// `toy:key=value:tcp:8007`. A reactor learns it by [`add_wrapper`](crate::Reactor::add_wrapper).
///
/// ```
/// use ropewalk::layer::{Layer, LayerMaker, Wrapper};
/// use ropewalk::{ClientEndpoint, EndpointError, Lost, Reactor, ServerEndpoint, Up, WrappingOptions};
///
/// /// Turns each byte's bits around that `mask` has.
/// struct Masked(u8);
///
/// impl Layer for Masked {
///     fn receive(&mut self, wire: &[u8], up: &mut Up, _: &mut Vec<u8>) -> Result<(), Lost> {
///         up.bytes(&wire.iter().map(|byte| byte ^ self.0).collect::<Vec<u8>>());
///         Ok(())
///     }
///     fn send(&mut self, plain: &[u8], down: &mut Vec<u8>) {
///         down.extend(plain.iter().map(|byte| byte ^ self.0));
///     }
///     fn is_ready(&self) -> bool {
///         true
///     }
/// }
///
/// struct Mask;
///
/// impl Mask {
///     fn read(options: &mut WrappingOptions) -> Result<u8, EndpointError> {
///         let mask = options.take("mask").and_then(|mask| mask.parse().ok());
///         mask.ok_or_else(|| options.expected("mask", "a number below 256"))
///     }
/// }
///
/// impl Wrapper for Mask {
///     fn server(&self, options: &mut WrappingOptions, _: &ServerEndpoint) -> Result<LayerMaker, EndpointError> {
///         let mask = Self::read(options)?;
///         Ok(Box::new(move || Box::new(Masked(mask))))
///     }
///     fn client(&self, options: &mut WrappingOptions, _: &ClientEndpoint) -> Result<Box<dyn Layer>, EndpointError> {
///         Ok(Box::new(Masked(Self::read(options)?)))
///     }
/// }
///
/// # struct Echo;
/// # impl ropewalk::Protocol for Echo {
/// #     fn data_received(&mut self, transport: &mut ropewalk::Transport<'_>, data: &[u8]) { transport.write(data) }
/// # }
/// # fn main() -> ropewalk::Result<()> {
/// let mut reactor = Reactor::new()?;
/// reactor.add_wrapper("mask", Mask);
/// let listener = reactor.listen("mask:mask=85:tcp:0").serve(|_peer| Echo)?;
/// reactor.connect(format!("mask:mask=85:tcp:{}", listener.address())).with(Echo);
/// assert!(reactor.listen("mask:mask=x:tcp:0").serve(|_peer| Echo).is_err());
/// # Ok(())
/// # }
/// ```
pub trait Wrapper: 'static {
    /// What makes a layer for each connection that a listener on `inner` accepts.
    ///
    /// # Errors
    /// If the options, or that endpoint, are none for this wrapper. The default: it is for clients only.
    fn server(
        &self,
        options: &mut WrappingOptions,
        inner: &ServerEndpoint,
    ) -> Result<LayerMaker, EndpointError> {
        let _ = inner;
        Err(options.expected("", "a scheme for servers"))
    }

    /// The layer of one connection to `inner`.
    ///
    /// # Errors
    /// If the options, or that endpoint, are none for this wrapper. The default: it is for servers only.
    fn client(
        &self,
        options: &mut WrappingOptions,
        inner: &ClientEndpoint,
    ) -> Result<Box<dyn Layer>, EndpointError> {
        let _ = inner;
        Err(options.expected("", "a scheme for clients"))
    }
}

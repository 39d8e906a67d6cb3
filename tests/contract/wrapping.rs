//! Endpoints that begin with the name of a layer: who may, what comes of it, and in which order.

use ropewalk::layer::{LayerMaker, Wrapper};
use ropewalk::{
    ClientEndpoint, ConnectError, EndpointError, Error, Layer, Limits, ServerEndpoint, Wrapping,
    WrappingOptions,
};

use crate::calling::Story;
use crate::spy::{Log, Spy};
use crate::toy::Toy;
use crate::world::{World, client_endpoint, contract};

contract! { bare:
    a_wrapped_endpoint_has_a_layer_on_each_connection,
    the_last_wrapper_is_nearest_the_wire,
    a_wrapper_that_nobody_added_is_an_error_that_says_where,
    what_a_wrapper_does_not_know_is_an_error_that_says_where,
}

/// The toy, as a scheme. It notes what it is put on.
struct ToyScheme(Log);

impl ToyScheme {
    fn read(&self, options: &mut WrappingOptions, inner: &dyn ToString) {
        let name = options.take("name").unwrap_or_default();
        self.0.note(format!("{name} on {}", inner.to_string()));
    }
}

impl Wrapper for ToyScheme {
    fn server(
        &self,
        options: &mut WrappingOptions,
        inner: &ServerEndpoint,
    ) -> Result<LayerMaker, EndpointError> {
        self.read(options, inner);
        Ok(Box::new(|| Box::new(Toy::server())))
    }

    fn client(
        &self,
        options: &mut WrappingOptions,
        inner: &ClientEndpoint,
    ) -> Result<Box<dyn Layer>, EndpointError> {
        self.read(options, inner);
        Ok(Box::new(Toy::client()))
    }
}

fn a_wrapped_endpoint_has_a_layer_on_each_connection(world: &World) {
    let log = Log::default();
    world.on(|reactor| reactor.add_wrapper("toy", ToyScheme(log.clone())));
    let build = |_: &_| Spy::new(&Log::default()).echo();
    let listener =
        world.on(|reactor| world.listen(reactor, "toy:name=a:tcp:0", Limits::default(), build));
    let listener = listener.expect("a free port");
    assert_eq!(log.lines(), ["a on tcp:0"]);
    let mut layered = world.clone();
    layered.layered = true;
    for _ in 0..2 {
        layered.peer(&listener).send("hello").expect("hello");
    }
    // And a call of ours, by an endpoint that was not written.
    let heard = Log::default();
    let caller = Spy::new(&heard).made(|transport| transport.write("x"));
    let inner = client_endpoint(listener.address());
    world.on(|reactor| {
        reactor
            .connect(inner.wrapped(Wrapping::new("toy")))
            .with(caller)
    });
    world.run_until("an answer", || heard.has("data 1"));
}

/// Puts a letter before what it sends, and expects another before what comes.
struct Letter(u8, u8);

impl Layer for Letter {
    fn receive(
        &mut self,
        wire: &[u8],
        up: &mut ropewalk::Up,
        _: &mut Vec<u8>,
    ) -> Result<(), ropewalk::Lost> {
        let plain: Vec<u8> = wire
            .iter()
            .copied()
            .filter(|byte| *byte != self.1)
            .collect();
        up.bytes(&plain);
        Ok(())
    }

    fn send(&mut self, plain: &[u8], down: &mut Vec<u8>) {
        down.push(self.0);
        down.extend_from_slice(plain);
    }

    fn is_ready(&self) -> bool {
        true
    }
}

struct LetterScheme(u8);

impl Wrapper for LetterScheme {
    fn server(
        &self,
        _: &mut WrappingOptions,
        _: &ServerEndpoint,
    ) -> Result<LayerMaker, EndpointError> {
        let letter = self.0;
        Ok(Box::new(move || Box::new(Letter(letter, 0))))
    }
}

fn the_last_wrapper_is_nearest_the_wire(world: &World) {
    let build = |_: &_| Spy::new(&Log::default()).made(|transport| transport.write("x"));
    let listener = world.on(|reactor| {
        reactor.add_wrapper("a", LetterScheme(b'a'));
        reactor.add_wrapper("b", LetterScheme(b'b'));
        let listen = reactor.listen("a:b:tcp:0");
        listen.through(|| Letter(b'c', 0)).serve(build)
    });
    world
        .peer(&listener.expect("a free port"))
        .expect_bytes("bacx");
}

fn a_wrapper_that_nobody_added_is_an_error_that_says_where(world: &World) {
    let build = |_: &_| Spy::new(&Log::default());
    world.on(|reactor| reactor.add_wrapper("toy", ToyScheme(Log::default())));
    let outcome = world.on(|reactor| world.listen(reactor, "toi:tcp:0", Limits::default(), build));
    let Err(Error::Endpoint(error)) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((&*error.description, error.at), ("toi:tcp:0", 0));
    assert!(error.expected.contains("toy"), "{error}");
    let story = Story::default();
    world.on(|reactor| {
        story.begin(reactor.connect("toi:tcp:127.0.0.1:9"));
    });
    let ConnectError::Endpoint(error) = story.failure(world) else {
        panic!("it is no endpoint")
    };
    assert_eq!(error.at, 0);
}

fn what_a_wrapper_does_not_know_is_an_error_that_says_where(world: &World) {
    let build = |_: &_| Spy::new(&Log::default());
    world.on(|reactor| {
        reactor.add_wrapper("toy", ToyScheme(Log::default()));
        reactor.add_wrapper("letter", LetterScheme(b'a'));
    });
    let key = "toy:colour=red:tcp:0";
    let outcome = world.on(|reactor| world.listen(reactor, key, Limits::default(), build));
    let Err(Error::Endpoint(error)) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((&*error.description, error.at), (key, 4));
    // A scheme for servers only.
    let story = Story::default();
    world.on(|reactor| {
        story.begin(reactor.connect("letter:tcp:127.0.0.1:9"));
    });
    let ConnectError::Endpoint(error) = story.failure(world) else {
        panic!("it is no endpoint")
    };
    assert_eq!(error.at, 0);
}

//! A network path to one host that fails on order: a TCP relay on loopback.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

/// What happens to the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Open,
    /// It is dropped silently.
    Swallowing,
}

#[derive(Debug)]
struct State {
    mode: Mode,
    /// Both ends of every connection that is still relayed.
    carried: Vec<[TcpStream; 2]>,
    /// Connections that are not relayed any more, kept open so that neither end notices.
    dead: Vec<[TcpStream; 2]>,
    /// Counts the losses. A connection from before a loss is dead after it.
    age: u32,
    passed: u64,
    closed: bool,
}

/// The relay; it ends with the process.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Way {
    /// A path to `host`.
    pub(crate) fn to(host: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let state = State { mode: Mode::Open, carried: Vec::new(), dead: Vec::new(), age: 0, passed: 0, closed: false };
        let way = Self {
            address: listener.local_addr().expect("an address"),
            state: Arc::new((Mutex::new(state), Condvar::new())),
        };
        let relay = way.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if let Ok(server) = TcpStream::connect(host) {
                    relay.carry(client, server);
                }
            }
        });
        way
    }

    /// The address of the relay.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many bytes have passed, in both directions.
    pub(crate) fn passed(&self) -> u64 {
        self.state.0.lock().expect("no panic while held").passed
    }

    /// Waits until this many bytes have passed; false if the relay was closed before.
    pub(crate) fn wait_passed(&self, bytes: u64) -> bool {
        let state = self.state.0.lock().expect("no panic while held");
        let waiting = |state: &mut State| state.passed < bytes && !state.closed;
        self.state.1.wait_while(state, waiting).expect("no panic while held").passed >= bytes
    }

    /// Declares that no more traffic will come.
    pub(crate) fn close(&self) {
        self.state.0.lock().expect("no panic while held").closed = true;
        self.state.1.notify_all();
    }

    /// Drops all traffic from now on, also on future connections.
    pub(crate) fn swallow(&self) {
        let mut state = self.state.0.lock().expect("no panic while held");
        state.mode = Mode::Swallowing;
        state.age += 1;
        let mut lost = std::mem::take(&mut state.carried);
        state.dead.append(&mut lost);
    }

    /// Relays new connections again; lost ones stay lost.
    pub(crate) fn open(&self) {
        self.state.0.lock().expect("no panic while held").mode = Mode::Open;
    }

    /// Answers both ends of every connection with RST.
    pub(crate) fn reset(&self) {
        let mut state = self.state.0.lock().expect("no panic while held");
        state.age += 1;
        for end in std::mem::take(&mut state.carried).into_iter().flatten() {
            // With a linger time of zero, the kernel sends RST instead of FIN when the last holder closes the socket.
            let _ = rustix::net::sockopt::set_socket_linger(&end, Some(std::time::Duration::ZERO));
            // Wakes the thread that reads from it, and sends nothing to the other end.
            let _ = end.shutdown(Shutdown::Read);
        }
    }

    fn carry(&self, client: TcpStream, server: TcpStream) {
        let pair = |a: &TcpStream, b: &TcpStream| Some([a.try_clone().ok()?, b.try_clone().ok()?]);
        let mut state = self.state.0.lock().expect("no panic while held");
        let (Some(kept), Some(back)) = (pair(&client, &server), pair(&server, &client)) else { return };
        let age = state.age;
        match state.mode {
            Mode::Swallowing => return state.dead.push(kept),
            Mode::Open => state.carried.push(kept),
        }
        drop(state);
        for [from, to] in [[client, server], back] {
            let way = self.clone();
            thread::spawn(move || way.copy(from, to, age));
        }
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream, age: u32) {
        let mut buffer = [0; 4096];
        loop {
            let count = from.read(&mut buffer).unwrap_or(0);
            let mut state = self.state.0.lock().expect("no panic while held");
            if state.age != age {
                return;
            }
            state.passed += count as u64;
            drop(state);
            self.state.1.notify_all();
            if count == 0 || to.write_all(&buffer[..count]).is_err() {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
        }
    }
}

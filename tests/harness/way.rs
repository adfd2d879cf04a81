//! A way to one host that fails on order: a TCP relay on loopback.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

/// What happens to what comes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Open,
    /// It is dropped, and nobody is told.
    Swallowing,
}

#[derive(Debug)]
struct State {
    mode: Mode,
    /// Both ends of every connection that still carries something.
    carried: Vec<[TcpStream; 2]>,
    /// Those that carry nothing any more, kept open so that nobody is told.
    dead: Vec<[TcpStream; 2]>,
    /// Counts the losses: what was relayed before one is dead after it.
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
    /// A way to `host`.
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

    /// Where it begins.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many bytes have come by, both ways.
    pub(crate) fn passed(&self) -> u64 {
        self.state.0.lock().expect("no panic while held").passed
    }

    /// Waits until so many bytes have come by; false when it was closed before.
    pub(crate) fn wait_passed(&self, bytes: u64) -> bool {
        let state = self.state.0.lock().expect("no panic while held");
        let waiting = |state: &mut State| state.passed < bytes && !state.closed;
        self.state.1.wait_while(state, waiting).expect("no panic while held").passed >= bytes
    }

    /// Nobody will come by any more.
    pub(crate) fn close(&self) {
        self.state.0.lock().expect("no panic while held").closed = true;
        self.state.1.notify_all();
    }

    /// Drops every packet from now on, of connections to come too.
    pub(crate) fn swallow(&self) {
        let mut state = self.state.0.lock().expect("no panic while held");
        state.mode = Mode::Swallowing;
        state.age += 1;
        let mut lost = std::mem::take(&mut state.carried);
        state.dead.append(&mut lost);
    }

    /// Carries new connections again; what was lost stays lost.
    pub(crate) fn open(&self) {
        self.state.0.lock().expect("no panic while held").mode = Mode::Open;
    }

    /// Answers both ends of every connection with RST.
    pub(crate) fn reset(&self) {
        let mut state = self.state.0.lock().expect("no panic while held");
        state.age += 1;
        for end in std::mem::take(&mut state.carried).into_iter().flatten() {
            // Without time to linger the kernel says RST and not FIN, when the last who holds the socket lets go of it.
            let _ = rustix::net::sockopt::set_socket_linger(&end, Some(std::time::Duration::ZERO));
            // That wakes who reads from it, and says nothing to the other end.
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

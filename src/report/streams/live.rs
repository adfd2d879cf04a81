//! A few lines at the bottom of a terminal that are redrawn again and again, with text scrolling above them.
//! `indicatif` draws them; a closure gives their content.

use std::{
    fmt, io, mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};

use super::outlet::Outlet;
use crate::report::lock;

/// The time between two drawings: short enough for a clock of tenths, long enough to be calm.
const PERIOD: Duration = Duration::from_millis(200);

/// The present width of the terminal, in cells.
pub(in crate::report) type LiveWidth = Arc<dyn Fn() -> u16 + Send + Sync>;

/// The lines while they are shown; dropping this removes them from the screen.
#[derive(Debug)]
pub(in crate::report) struct Live {
    bar: ProgressBar,
    /// The user is being asked something, and the terminal is reserved for that.
    hidden: Arc<AtomicBool>,
}

impl Live {
    /// Shows what `draw` returns for a width, from now on. `draw` is called on another thread, and must not wait for
    /// anything that waits for [`Live::above`].
    pub(in crate::report) fn start(
        out: Outlet,
        width: LiveWidth,
        draw: impl Fn(usize) -> Vec<String> + Clone + Send + Sync + 'static,
    ) -> Self {
        let canvas = Canvas { out, width: Arc::clone(&width), frame: Mutex::default() };
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(canvas), 10);
        let bar = ProgressBar::with_draw_target(None, target);
        let hidden = Arc::new(AtomicBool::new(false));
        let is_hidden = Arc::clone(&hidden);
        let content = move |_: &ProgressState, out: &mut dyn fmt::Write| {
            if is_hidden.load(Ordering::Relaxed) {
                return;
            }
            // The last cell stays free: some terminals wrap as soon as it is filled.
            let lines = draw(usize::from(width()).saturating_sub(1));
            // Writing to indicatif's buffer cannot fail.
            let _ = out.write_str(&lines.join("\n"));
        };
        if let Ok(style) = ProgressStyle::with_template("{content}") {
            bar.set_style(style.with_key("content", content));
        }
        bar.enable_steady_tick(PERIOD);
        Self { bar, hidden }
    }

    /// Hides the lines, or shows them again.
    pub(in crate::report) fn hide(&self, hidden: bool) {
        self.hidden.store(hidden, Ordering::Relaxed);
        self.bar.tick();
        if hidden {
            self.bar.disable_steady_tick();
        } else {
            self.bar.enable_steady_tick(PERIOD);
        }
    }

    /// Runs `print`, which may write above the lines.
    pub(in crate::report) fn above(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The part of a terminal that `indicatif` needs, so that it writes to the same outlet as all else.
struct Canvas {
    out: Outlet,
    width: LiveWidth,
    /// What is drawn but not yet shown: a frame appears at once, without flicker.
    frame: Mutex<String>,
}

impl fmt::Debug for Canvas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canvas").field("out", &self.out).finish_non_exhaustive()
    }
}

impl Canvas {
    /// Moves the cursor (ECMA-48 CUU, CUD, CUF, CUB). A count of 0 would mean 1.
    fn go(&self, n: usize, direction: char) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.write_str(&format!("\x1b[{n}{direction}")) }
    }
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        (self.width)()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.go(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.go(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.go(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.go(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.write_str(s)?;
        self.write_str("\n")
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        lock(&self.frame).push_str(s);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.write_str("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let frame = mem::take(&mut *lock(&self.frame));
        if !frame.is_empty() {
            self.out.frame(&frame);
        }
        Ok(())
    }
}

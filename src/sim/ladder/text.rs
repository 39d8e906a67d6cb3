//! The picture as text. Owns the columns and what is cut to fit them; does not choose what is shown.

use std::fmt;
use std::rc::Rc;

use super::lanes;
use super::steps::{Act, Arrow, End, Part, Step};

/// How wide a line may be.
const WIDTH: usize = 100;
/// Columns closer than this have no room for labels between them.
const ROOMY: usize = 24;
/// Room for labels beside the columns, if there is none between them.
const BESIDE: usize = 40;

pub(super) fn write(f: &mut fmt::Formatter<'_>, steps: &[Step]) -> fmt::Result {
    if steps.is_empty() {
        return f.write_str("nothing happened, or nothing was kept of it\n");
    }
    let sheet = Sheet::new(steps);
    sheet.header(f)?;
    let mut time = String::new();
    for step in steps {
        let now = match step.act {
            Act::Gap(_) => String::new(),
            _ => step.at.to_string(),
        };
        let shown = if now == time { "" } else { &now };
        let row = sheet.row(step);
        let line = format!("{shown:>width$}  {row}", width = sheet.time);
        writeln!(f, "{}", line.trim_end())?;
        time = now;
    }
    Ok(())
}

/// Where things stand.
struct Sheet {
    lanes: Vec<Rc<str>>,
    /// How wide the times are.
    time: usize,
    /// From one column to the next.
    pitch: usize,
    labels: Labels,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Labels {
    /// On arrows, between columns.
    Between,
    /// To the right of all columns.
    Beside,
}

impl Sheet {
    fn new(steps: &[Step]) -> Self {
        let lanes = lanes::of(steps);
        let times = steps.iter().map(|step| step.at.to_string().len());
        let time = times.max().unwrap_or(0);
        let gaps = lanes.len().saturating_sub(1).max(1);
        let room = (WIDTH - time - 3) / gaps;
        let longest = steps.iter().map(|step| step.label.chars().count()).max();
        let wanted = longest.unwrap_or(0) + 12;
        let (pitch, labels) = if room >= ROOMY {
            (wanted.clamp(ROOMY, room), Labels::Between)
        } else {
            let room = (WIDTH - time - 3 - BESIDE) / gaps;
            (room.clamp(3, 12), Labels::Beside)
        };
        Self {
            lanes,
            time,
            pitch,
            labels,
        }
    }

    fn column(&self, name: &str) -> usize {
        let lane = self.lanes.iter().position(|lane| **lane == *name);
        self.pitch * lane.expect("all who take part have a column")
    }

    fn last_column(&self) -> usize {
        self.pitch * self.lanes.len().saturating_sub(1)
    }

    /// The names: in one line, each from its column on, if they fit; else as stairs.
    fn header(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.lanes.iter().map(|name| name.chars().count()).max();
        let in_line = longest.unwrap_or(0) + 2 <= self.pitch;
        let mut line = Row::new(&self.lanes, self.pitch, ' ');
        for (index, name) in self.lanes.iter().enumerate() {
            if !in_line {
                line = Row::new(&self.lanes[..index], self.pitch, '|');
            }
            line.put(self.pitch * index, name);
            if !in_line || index + 1 == self.lanes.len() {
                let line = format!("{:width$}  {line}", "", width = self.time);
                writeln!(f, "{}", line.trim_end())?;
            }
        }
        Ok(())
    }

    fn row(&self, step: &Step) -> Row {
        let bars = match step.act {
            Act::Gap(_) => ':',
            _ => '|',
        };
        let mut row = Row::new(&self.lanes, self.pitch, bars);
        match &step.act {
            Act::Gap(_) => row.put(2, &step.label),
            Act::Across if self.lanes.len() < 2 => row.put(2, &step.label),
            Act::Across => {
                let width = (self.last_column() - 1).max(step.label.chars().count() + 2);
                row.put(1, &filled(width, '=', "", &step.label, ""));
            }
            Act::Mark { lane, .. } => self.mark(&mut row, self.column(lane), &step.label),
            Act::Arrow(arrow) => self.arrow(&mut row, arrow, &step.label),
        }
        row
    }

    /// A mark on a column, and its words to the right of it; to the left if it is the last.
    fn mark(&self, row: &mut Row, column: usize, label: &str) {
        row.put(column, "o");
        if self.labels == Labels::Beside {
            return self.label_beside(row, label);
        }
        let is_last = column > 0 && column == self.last_column();
        let room = if column == self.last_column() && !is_last {
            WIDTH - self.time - 4
        } else {
            self.pitch - 3
        };
        let label = fit(label, room);
        if is_last {
            row.put(column - 1 - label.chars().count(), &label);
        } else {
            row.put(column + 2, &label);
        }
    }

    fn arrow(&self, row: &mut Row, arrow: &Arrow, label: &str) {
        let from = self.column(&arrow.from);
        let to = arrow.to.as_ref().map(|to| self.column(to));
        // Into the void it goes to the right, if there is a right.
        let to = to.unwrap_or(match from {
            0 => self.pitch,
            _ if from == self.last_column() => from - self.pitch,
            _ => from + self.pitch,
        });
        if from == to {
            return self.mark(row, from, label);
        }
        let (start, width) = (from.min(to) + 1, from.abs_diff(to) - 1);
        let (tail, head) = ends(arrow, from < to);
        let (left, right) = if from < to {
            (tail, head)
        } else {
            (head, tail)
        };
        let between = match self.labels {
            Labels::Between => label,
            Labels::Beside => "",
        };
        row.put(start, &filled(width, '-', left, between, right));
        if self.labels == Labels::Beside {
            self.label_beside(row, label);
        }
    }

    fn label_beside(&self, row: &mut Row, label: &str) {
        let start = self.last_column() + 3;
        row.put(start, &fit(label, WIDTH - self.time - 2 - start));
    }
}

/// How an arrow looks where it comes from, and where it goes to.
fn ends(arrow: &Arrow, rightwards: bool) -> (&'static str, &'static str) {
    let tail = match arrow.part {
        Part::Whole | Part::Departure => "",
        Part::Arrival => "...",
    };
    let head = match (arrow.part, arrow.end, rightwards) {
        (Part::Departure, ..) => "...",
        (_, End::Refused, _) => "x",
        (_, End::Lost, true) => "x    ",
        (_, End::Lost, false) => "    x",
        (_, End::Arrives, true) => ">",
        (_, End::Arrives, false) => "<",
    };
    (tail, head)
}

/// A line of `width` with a label in its middle.
fn filled(width: usize, line: char, left: &str, label: &str, right: &str) -> String {
    let line_width = width.saturating_sub(left.len() + right.len());
    let label = match label {
        "" => String::new(),
        _ => format!(" {} ", fit(label, line_width.saturating_sub(4))),
    };
    let rest = line_width.saturating_sub(label.chars().count());
    let dashes = |count: usize| line.to_string().repeat(count);
    let (before, after) = (dashes(rest / 2), dashes(rest - rest / 2));
    format!("{left}{before}{label}{after}{right}")
}

/// Cuts a label.
fn fit(label: &str, width: usize) -> String {
    if label.chars().count() <= width {
        return label.to_owned();
    }
    let kept = label.chars().take(width.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// One line as it is being put together.
struct Row(Vec<char>);

impl Row {
    fn new(lanes: &[Rc<str>], pitch: usize, bar: char) -> Self {
        let mut row = Self(Vec::new());
        for lane in 0..lanes.len() {
            row.put(lane * pitch, bar.encode_utf8(&mut [0; 4]));
        }
        row
    }

    fn put(&mut self, column: usize, text: &str) {
        for (index, char) in (column..).zip(text.chars()) {
            if self.0.len() <= index {
                self.0.resize(index + 1, ' ');
            }
            self.0[index] = char;
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|char| write!(f, "{char}"))
    }
}

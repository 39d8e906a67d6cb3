//! The picture as a drawing. Owns its geometry, its colours and its escapes; does not choose what is shown.

mod shapes;

use std::collections::BTreeMap;
use std::rc::Rc;

use super::lanes;
use super::steps::{Act, Arrow, End, Key, Part, Step, Tone};
use shapes::{Anchor, Document, Point};

/// In pixels.
const ROW: i32 = 30;
const TOP: i32 = 70;
/// How far an arrow of one row falls.
const FALL: i32 = 10;
/// The width of a character, and a little more.
const CHARACTER: i32 = 8;
/// Labels are cut to so many characters; the whole is in the title, which shows under the mouse.
const LONGEST: usize = 46;

pub(super) fn draw(steps: &[Step]) -> String {
    let sheet = Sheet::new(steps);
    let bottom = TOP + ROW * i32::try_from(steps.len()).expect("a few rows") + 20;
    let mut document = Document::new(sheet.width, bottom + 20);
    sheet.draw_times(&mut document, steps);
    for (lane, name) in sheet.lanes.iter().enumerate() {
        let x = sheet.x(lane);
        document.lane(x, TOP - 18, bottom, name);
    }
    // Labels come last, so that no line crosses them.
    for (row, step) in steps.iter().enumerate() {
        sheet.draw_lines(&mut document, row, step);
    }
    for (row, step) in steps.iter().enumerate() {
        sheet.draw_label(&mut document, row, step);
    }
    document.finish()
}

struct Sheet {
    lanes: Vec<Rc<str>>,
    /// Where the first column is.
    left: i32,
    pitch: i32,
    width: i32,
    /// The rows in which segments arrive that departed in another.
    arrivals: BTreeMap<Key, usize>,
    departures: BTreeMap<Key, usize>,
}

impl Sheet {
    fn new(steps: &[Step]) -> Self {
        let lanes = lanes::of(steps);
        let longest = |steps: &mut dyn Iterator<Item = &Step>| {
            let longest = steps.map(|step| cut(&step.label).chars().count()).max();
            CHARACTER * i32::try_from(longest.unwrap_or(0)).expect("labels are cut")
        };
        let pitch = longest(&mut steps.iter().filter(|step| step.is_between())) + 40;
        let pitch = pitch.clamp(160, 460);
        let last = lanes.last();
        let beside_last = |step: &&Step| step.place() == last;
        let right = longest(&mut steps.iter().filter(beside_last)) + 60;
        let left = 140;
        let gaps = i32::try_from(lanes.len().saturating_sub(1)).expect("a few columns");
        let rows_of = |part: Part| {
            let rows = steps.iter().enumerate();
            let keys = rows.filter_map(move |(row, step)| match &step.act {
                Act::Arrow(arrow) if arrow.part == part => Some((arrow.segment, row)),
                _ => None,
            });
            keys.collect()
        };
        Self {
            arrivals: rows_of(Part::Arrival),
            departures: rows_of(Part::Departure),
            width: left + pitch * gaps + right.max(100),
            lanes,
            left,
            pitch,
        }
    }

    fn x(&self, lane: usize) -> i32 {
        self.left + self.pitch * i32::try_from(lane).expect("a few columns")
    }

    fn x_of(&self, name: &str) -> i32 {
        let lane = self.lanes.iter().position(|lane| **lane == *name);
        self.x(lane.expect("all who take part have a column"))
    }

    fn last_x(&self) -> i32 {
        self.x(self.lanes.len().saturating_sub(1))
    }

    /// The time of each row that has another than the row before.
    fn draw_times(&self, document: &mut Document, steps: &[Step]) {
        let mut shown = String::new();
        for (row, step) in steps.iter().enumerate() {
            let time = step.at.to_string();
            if !matches!(step.act, Act::Gap(_)) && time != shown {
                document.time(y(row), self.left - 30, self.last_x(), &time);
                shown = time;
            }
        }
    }

    /// Where an arrow goes on the whole, and how much of that is drawn in this row's turn; `None` if another's does.
    fn course(&self, row: usize, arrow: &Arrow) -> Option<(Point, Point)> {
        let from = self.x_of(&arrow.from);
        let to = arrow.to.as_ref().map(|to| self.x_of(to));
        let to = to.unwrap_or(match self.lanes.len() {
            1 => from + self.pitch.min(200),
            _ if from == self.last_x() => from - self.pitch,
            _ => from + self.pitch,
        });
        let half = |y| Point::new(i32::midpoint(from, to), y);
        let (start, mut end) = match arrow.part {
            Part::Whole => (Point::new(from, y(row)), Point::new(to, y(row) + FALL)),
            Part::Departure => match self.arrivals.get(&arrow.segment) {
                Some(&arrival) => (Point::new(from, y(row)), Point::new(to, y(arrival))),
                None => (Point::new(from, y(row)), half(y(row) + FALL)),
            },
            Part::Arrival if self.departures.contains_key(&arrow.segment) => return None,
            Part::Arrival => (half(y(row) - FALL / 2), Point::new(to, y(row))),
        };
        if arrow.end == End::Lost && arrow.part != Part::Departure {
            end = Point::new((start.x + 2 * end.x) / 3, (start.y + 2 * end.y) / 3);
        }
        Some((start, end))
    }

    fn draw_lines(&self, document: &mut Document, row: usize, step: &Step) {
        let last = self.last_x();
        match &step.act {
            Act::Arrow(arrow) if arrow.is_to_itself() => {
                document.mark(self.x_of(&arrow.from), y(row), colour(arrow.tone));
            }
            Act::Arrow(arrow) => {
                if let Some((start, end)) = self.course(row, arrow) {
                    self.draw_arrow(document, arrow, start, end);
                }
            }
            Act::Mark { lane, tone } => document.mark(self.x_of(lane), y(row), colour(*tone)),
            Act::Across => document.band(self.left - 14, last + 14, y(row), "#fff4d6"),
            Act::Gap(_) => document.band(self.left - 14, last + 14, y(row), "#ffffff"),
        }
    }

    fn draw_arrow(&self, document: &mut Document, arrow: &Arrow, start: Point, end: Point) {
        let whole = arrow.part == Part::Whole
            || (self.arrivals.contains_key(&arrow.segment)
                && self.departures.contains_key(&arrow.segment));
        document.line(start, end, colour(arrow.tone), whole);
        let last = self.arrivals.get(&arrow.segment);
        match (arrow.part, arrow.end) {
            (Part::Departure, _) if last.is_none() => {}
            (_, End::Arrives) => document.head(start, end, colour(arrow.tone)),
            (_, End::Refused | End::Lost) => document.cross(end, colour(Tone::Fault)),
        }
    }

    fn draw_label(&self, document: &mut Document, row: usize, step: &Step) {
        let label = cut(&step.label);
        let (place, anchor, tone) = match &step.act {
            Act::Mark { lane, tone } => (beside(self.x_of(lane), row), Anchor::Start, *tone),
            Act::Arrow(arrow) if arrow.is_to_itself() => (
                beside(self.x_of(&arrow.from), row),
                Anchor::Start,
                arrow.tone,
            ),
            Act::Arrow(arrow) => {
                let Some((start, end)) = self.course(row, arrow) else {
                    return;
                };
                let (place, anchor) = self.label_of(arrow, start, end);
                (place, anchor, arrow.tone)
            }
            Act::Across | Act::Gap(_) => {
                let middle = i32::midpoint(self.left, self.last_x());
                (Point::new(middle, y(row) + 4), Anchor::Middle, Tone::Fault)
            }
        };
        let colour = match step.act {
            Act::Gap(_) => "#6e7781",
            _ => colour(tone),
        };
        document.label(place, anchor, colour, &label, &step.label);
    }

    /// Above the middle of an arrow of one row; else where it departs, for no other label is in that row.
    fn label_of(&self, arrow: &Arrow, start: Point, end: Point) -> (Point, Anchor) {
        let rightwards = start.x < end.x;
        let away = if rightwards { 12 } else { -12 };
        let anchor = match rightwards {
            true => Anchor::Start,
            false => Anchor::End,
        };
        match arrow.part {
            Part::Whole => {
                let target = arrow.to.as_ref().map_or(end.x, |to| self.x_of(to));
                let middle = i32::midpoint(start.x, target);
                (Point::new(middle, start.y - 2), Anchor::Middle)
            }
            Part::Departure => (Point::new(start.x + away, start.y - 4), anchor),
            Part::Arrival => (Point::new(start.x, start.y - 4), anchor),
        }
    }
}

impl Step {
    fn place(&self) -> Option<&Rc<str>> {
        match &self.act {
            Act::Mark { lane, .. } => Some(lane),
            Act::Arrow(arrow) if arrow.is_to_itself() => Some(&arrow.from),
            _ => None,
        }
    }

    fn is_between(&self) -> bool {
        !matches!(self.act, Act::Across | Act::Gap(_))
    }
}

impl Arrow {
    fn is_to_itself(&self) -> bool {
        self.to.as_ref() == Some(&self.from)
    }
}

fn y(row: usize) -> i32 {
    TOP + ROW * i32::try_from(row).expect("a few rows") + 10
}

fn beside(x: i32, row: usize) -> Point {
    Point::new(x + 11, y(row) + 4)
}

fn colour(tone: Tone) -> &'static str {
    match tone {
        Tone::Data => "#0969da",
        Tone::Control => "#57606a",
        Tone::Reset => "#cf222e",
        Tone::Callback => "#1a7f37",
        Tone::Note => "#6e7781",
        Tone::Fault => "#bc4c00",
    }
}

fn cut(label: &str) -> String {
    match label.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &label[..end]),
        None => label.to_owned(),
    }
}

//! SVG, as much of it as a ladder needs. Owns the syntax and the escaping; does not know what it draws.

use std::fmt::Write;

/// A document that is being written.
pub(super) struct Document {
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) x: i32,
    pub(super) y: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Point {
    pub(super) fn new(x: i32, y: i32) -> Self {
        Self { x, y }
    }
}

impl Document {
    pub(super) fn new(width: i32, height: i32) -> Self {
        let text = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
"##
        );
        Self { text }
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }

    /// A column with its name on top.
    pub(super) fn lane(&mut self, x: i32, top: i32, bottom: i32, name: &str) {
        let width = 24 + 8 * i32::try_from(name.chars().count()).unwrap_or(100);
        self.put(format_args!(
            r##"<line x1="{x}" y1="{top}" x2="{x}" y2="{bottom}" stroke="#8c959f"/>
<rect x="{}" y="{}" width="{width}" height="26" rx="6" fill="#f6f8fa" stroke="#8c959f"/>
<text x="{x}" y="{}" text-anchor="middle" font-weight="bold" fill="#1f2328">{}</text>"##,
            x - width / 2,
            top - 26,
            top - 9,
            escaped(name),
        ));
    }

    /// A time at the left, and a faint line from there.
    pub(super) fn time(&mut self, y: i32, x: i32, end: i32, time: &str) {
        self.put(format_args!(
            r##"<line x1="{}" y1="{y}" x2="{end}" y2="{y}" stroke="#eaeef2"/>
<text x="{x}" y="{}" text-anchor="end" fill="#6e7781">{}</text>"##,
            x + 6,
            y + 4,
            escaped(time),
        ));
    }

    pub(super) fn mark(&mut self, x: i32, y: i32, colour: &str) {
        self.put(format_args!(
            r##"<circle cx="{x}" cy="{y}" r="4" fill="{colour}" stroke="#ffffff"/>"##
        ));
    }

    pub(super) fn band(&mut self, from: i32, to: i32, y: i32, colour: &str) {
        let (top, width) = (y - 10, to - from);
        self.put(format_args!(
            r##"<rect x="{from}" y="{top}" width="{width}" height="20" fill="{colour}"/>"##
        ));
    }

    /// A line; dashed if it is not the whole of an arrow.
    pub(super) fn line(&mut self, start: Point, end: Point, colour: &str, whole: bool) {
        let dashes = if whole {
            ""
        } else {
            r#" stroke-dasharray="4 4""#
        };
        self.put(format_args!(
            r##"<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="{colour}" stroke-width="1.5"{dashes}/>"##,
            start.x, start.y, end.x, end.y,
        ));
    }

    /// The head of an arrow from `start` to `end`.
    pub(super) fn head(&mut self, start: Point, end: Point, colour: &str) {
        let (dx, dy) = (f64::from(end.x - start.x), f64::from(end.y - start.y));
        let length = (dx * dx + dy * dy).sqrt().max(1.0);
        // Along the arrow, and across it.
        let (ax, ay) = (dx / length * 10.0, dy / length * 10.0);
        let (cx, cy) = (-dy / length * 4.0, dx / length * 4.0);
        let (x, y) = (f64::from(end.x), f64::from(end.y));
        self.put(format_args!(
            r##"<polygon points="{x:.1},{y:.1} {:.1},{:.1} {:.1},{:.1}" fill="{colour}"/>"##,
            x - ax + cx,
            y - ay + cy,
            x - ax - cx,
            y - ay - cy,
        ));
    }

    pub(super) fn cross(&mut self, at: Point, colour: &str) {
        let Point { x, y } = at;
        self.put(format_args!(
            r##"<path d="M{} {}l10 10m0 -10l-10 10" stroke="{colour}" stroke-width="2.5"/>"##,
            x - 5,
            y - 5,
        ));
    }

    /// Text that keeps lines behind it at a distance; `whole` shows under the mouse.
    pub(super) fn label(&mut self, at: Point, to: Anchor, colour: &str, text: &str, whole: &str) {
        let anchor = match to {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let title = match text == whole {
            true => String::new(),
            false => format!("<title>{}</title>", escaped(whole)),
        };
        self.put(format_args!(
            r##"<text x="{}" y="{}" text-anchor="{anchor}" fill="{colour}" stroke="#ffffff" stroke-width="4" stroke-linejoin="round" paint-order="stroke" xml:space="preserve">{title}{}</text>"##,
            at.x,
            at.y,
            escaped(text),
        ));
    }

    fn put(&mut self, shape: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{shape}").expect("a string takes all");
    }
}

/// Text for between tags. Control characters, which XML has no way to say, become question marks.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('?'),
            char if char.is_control() => out.push('?'),
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_taken_for_syntax() {
        assert_eq!(
            escaped("<a href=\"x\">&\u{1}é…"),
            "&lt;a href=&quot;x&quot;&gt;&amp;?é…"
        );
        let mut document = Document::new(1, 1);
        document.label(Point::new(0, 0), Anchor::End, "red", "</text>", "]]>");
        let text = document.finish();
        assert_eq!(text.matches("</text>").count(), 1);
        assert!(text.contains("<title>]]&gt;</title>&lt;/text&gt;"));
    }
}

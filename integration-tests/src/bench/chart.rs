//! A chart of bars, as SVG.

use super::contender::Step;
use super::report::median;
use super::rounds::{Figures, Size};
use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const LEFT: f64 = 150.0;
const BAR: f64 = 18.0;
const ROW: f64 = 26.0;

/// The no-change plan: a bar for each contender and latency.
pub(super) fn plan(size: &Size, figures: &Figures) -> String {
    let bars: Vec<(u64, &str, f64)> = size
        .latencies
        .iter()
        .flat_map(|latency| figures.iter().filter(move |((_, at, step), _)| at == latency && *step == Step::Plan))
        .filter(|((name, ..), _)| !name.contains("told"))
        .map(|((name, latency, _), figure)| (*latency, *name, median(&figure.took).as_secs_f64()))
        .collect();
    let longest = bars.iter().map(|(.., seconds)| *seconds).fold(0.0, f64::max);
    let height = ROW * (bars.len() as f64 + 1.0) + 10.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <text x=\"0\" y=\"14\" font-weight=\"bold\">A plan without changes, seconds (less is better)</text>\n"
    );
    for (at, (latency, name, seconds)) in bars.iter().enumerate() {
        let (y, width) = (ROW * (at as f64 + 1.0), (WIDTH - LEFT - 60.0) * seconds / longest);
        let colour = if *name == "orchestrator" { "#2a7f62" } else { "#b0b7bf" };
        let text = y + BAR - 5.0;
        write!(svg, "<text x=\"0\" y=\"{text}\">{name}, {latency} ms</text><rect x=\"{LEFT}\" y=\"{y}\" ").unwrap();
        write!(svg, "width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>").unwrap();
        writeln!(svg, "<text x=\"{:.1}\" y=\"{text}\">{seconds:.2}</text>", LEFT + width + 6.0).unwrap();
    }
    svg + "</svg>\n"
}

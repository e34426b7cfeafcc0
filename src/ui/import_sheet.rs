//! The sheet before anything runs: how the file is read, what its text is, what is in it, how long it will take.

use std::time::Duration;

use egui::{Align, ComboBox, Key, Label, Layout, RichText, ScrollArea, TextStyle, Ui, vec2};
use egui_extras::{Column as Width, TableBuilder};

use crate::data::{ColumnKind, Corpus, ReadReport};
use crate::io::read::{Format, Peek, ReadOptions, TextUnit};
use crate::session::{Command, Import, Purpose};
use crate::stage::append::Duplicates;
use crate::stage::join::JoinBy;

use super::format;
use super::icons;
use super::panels::columns::kind_name;
use super::status_bar;
use super::theme::{self, ROW, SPACE_4, SPACE_8, SPACE_12, SPACE_16, SPACE_24, Theme};
use super::widgets::{self, Side};
use super::wishes::Wishes;

/// Width of the sheet, height of the preview, and of the list of skipped rows.
pub const WIDTH: f32 = 860.0;
const PREVIEW: f32 = 236.0;
const SKIPPED: f32 = 110.0;
/// Widths of the preview's columns.
const COLUMN: f32 = 132.0;
const TEXT_COLUMN: f32 = 360.0;
/// Characters of a cell in the preview.
const SHOWN: usize = 120;
/// Languages named.
const LANGUAGES: usize = 3;

const FORMATS: [(Format, &str); 4] = [
    (Format::Delimited, "Table"),
    (Format::JsonLines, "JSON Lines"),
    (Format::JsonArray, "JSON"),
    (Format::Text, "Plain text"),
];
const DELIMITERS: [(char, &str); 5] =
    [(',', "Comma"), (';', "Semicolon"), ('\t', "Tab"), ('|', "Bar"), (' ', "Space")];
const ENCODINGS: [(&str, &str); 7] = [
    ("utf-8", "UTF-8"),
    ("windows-1252", "Latin (Windows 1252)"),
    ("utf-16le", "UTF-16, little-endian"),
    ("utf-16be", "UTF-16, big-endian"),
    ("shift_jis", "Japanese (Shift JIS)"),
    ("gb18030", "Chinese (GB 18030)"),
    ("euc-kr", "Korean (EUC-KR)"),
];
const KINDS: [ColumnKind; 5] =
    [ColumnKind::Text, ColumnKind::Category, ColumnKind::Number, ColumnKind::Date, ColumnKind::List];

/// What the sheet remembers between frames.
#[derive(Default)]
pub struct ImportState {
    skipped_open: bool,
}

/// Draws the sheet. `open` is what is open already: the file may join it.
pub fn show(
    ui: &mut Ui,
    import: &Import,
    open: Option<&Corpus>,
    state: &mut ImportState,
    wishes: &mut Wishes,
) {
    ui.set_width(WIDTH.min(ui.ctx().content_rect().width() - 2.0 * SPACE_24));
    ui.spacing_mut().item_spacing.y = SPACE_8;
    heading(ui, import);
    if let Some(open) = open {
        purpose(ui, import, open, wishes);
    }
    reading(ui, import, wishes);
    if let Some(sentence) = &import.error {
        error(ui, sentence);
    } else if let Some(peek) = &import.peek {
        preview(ui, import, peek, wishes);
        text_columns(ui, import, peek, wishes);
        widgets::hairline(ui);
        counts(ui, import, peek);
        remarks(ui, import, peek, state);
    } else {
        ui.allocate_ui(vec2(ui.available_width(), PREVIEW), |ui| {
            widgets::empty_state(ui, icons::FILE_TEXT, "Looking at the file…");
        });
    }
    widgets::hairline(ui);
    footer(ui, import, open.is_some(), wishes);
}

fn heading(ui: &mut Ui, import: &Import) {
    let file = import.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    ui.horizontal(|ui| {
        let title = format!("Import {}", format::elide_middle(&file, 56));
        ui.label(RichText::new(title).text_style(theme::title()));
        if let Some(vectors) = import.vectors.as_ref().and_then(|path| path.file_name()) {
            widgets::caption(
                ui,
                format!("with the vectors in {}", format::elide_middle(&vectors.to_string_lossy(), 32)),
            );
        }
    });
}

/// What the file is for, while something is open.
fn purpose(ui: &mut Ui, import: &Import, open: &Corpus, wishes: &mut Wishes) {
    let name = format::elide_middle(&open.name, 32);
    ui.horizontal_wrapped(|ui| {
        for (purpose, caption, hint) in [
            (
                Purpose::Add,
                format!("Add to “{name}”"),
                "Its documents are embedded alone and placed in the map that is there; nothing else moves",
            ),
            (
                Purpose::Join,
                "Join as columns".to_owned(),
                "Its columns are added to the documents that are there",
            ),
            (Purpose::Open, "Open instead".to_owned(), "It is opened in place of what is open"),
        ] {
            let chosen = import.purpose == purpose;
            if ui.selectable_label(chosen, caption).on_hover_text(hint).clicked() && !chosen {
                wishes.push(Command::SetPurpose(purpose));
            }
        }
    });
    match import.purpose {
        Purpose::Open => {}
        Purpose::Add => {
            let mut leave_out = import.duplicates == Duplicates::LeaveOut;
            let text = "Leave out documents that are there already";
            if widgets::outlined(ui, |ui| ui.checkbox(&mut leave_out, text)).changed() {
                let duplicates = if leave_out { Duplicates::LeaveOut } else { Duplicates::Add };
                wishes.push(Command::SetDuplicates(duplicates));
            }
        }
        Purpose::Join => join_by(ui, import, open, wishes),
    }
    widgets::hairline(ui);
}

/// By which columns the file joins what is open.
fn join_by(ui: &mut Ui, import: &Import, open: &Corpus, wishes: &mut Wishes) {
    let Some(corpus) = &import.corpus else {
        widgets::caption(ui, "Reading the file…");
        return;
    };
    let by = import.join_by.clone().unwrap_or(JoinBy::Order);
    let mut chosen = by.clone();
    ui.horizontal_wrapped(|ui| {
        let order = matches!(by, JoinBy::Order);
        if ui.radio(order, "In order").clicked() {
            chosen = JoinBy::Order;
        }
        let (own, other) = match &by {
            JoinBy::Columns { own, other } => (own.clone(), other.clone()),
            JoinBy::Order => (open.columns[0].name.clone(), corpus.columns[0].name.clone()),
        };
        if ui.radio(!order, "Where").clicked() {
            chosen = JoinBy::Columns { own: own.clone(), other: other.clone() };
        }
        ui.add_enabled_ui(!order, |ui| {
            pick(ui, "is here", &own, 140.0, |ui| {
                for column in &open.columns {
                    if ui.selectable_label(column.name == own, &column.name).clicked() {
                        chosen = JoinBy::Columns { own: column.name.clone(), other: other.clone() };
                    }
                }
            });
            pick(ui, "equals there", &other, 140.0, |ui| {
                for column in &corpus.columns {
                    if ui.selectable_label(column.name == other, &column.name).clicked() {
                        chosen = JoinBy::Columns { own: own.clone(), other: column.name.clone() };
                    }
                }
            });
        });
        if let (false, Some(found)) = (order, import.join_found) {
            let share = match (100.0 * found).round() as u32 {
                0 => "under 1%".to_owned(),
                percent => format!("{percent}%"),
            };
            widgets::caption(ui, format!("suggested: finds {share} of the documents"));
        }
    });
    if chosen != by {
        wishes.push(Command::SetJoin(chosen));
    }
}

/// How the file is read, in words and as choices.
fn reading(ui: &mut Ui, import: &Import, wishes: &mut Wishes) {
    let settings = import.peek.as_ref().map_or(&import.options, |peek| &peek.settings);
    let mut options = import.options.clone();
    ui.horizontal_wrapped(|ui| {
        let current = settings.format;
        pick(ui, "Format", name_of(&FORMATS, current), 104.0, |ui| {
            for (format, name) in FORMATS {
                if ui.selectable_label(current == Some(format), name).clicked() {
                    // Other settings belonged to the other format.
                    options = ReadOptions {
                        format: Some(format),
                        spill_dir: options.spill_dir.clone(),
                        ..Default::default()
                    };
                }
            }
        });
        if current == Some(Format::Delimited) {
            pick(ui, "Delimiter", name_of(&DELIMITERS, settings.delimiter), 96.0, |ui| {
                for (delimiter, name) in DELIMITERS {
                    if ui.selectable_label(settings.delimiter == Some(delimiter), name).clicked() {
                        options.delimiter = Some(delimiter);
                    }
                }
            });
            let header = settings.header.unwrap_or(true);
            pick(ui, "First row", if header { "Names the columns" } else { "Is a document" }, 140.0, |ui| {
                for (value, name) in [(true, "Names the columns"), (false, "Is a document")] {
                    if ui.selectable_label(header == value, name).clicked() {
                        options.header = Some(value);
                    }
                }
            });
        }
        if current == Some(Format::Text) {
            let units = [(TextUnit::Line, "A line"), (TextUnit::Paragraph, "A paragraph")];
            pick(ui, "A document is", name_of(&units, settings.text_unit), 110.0, |ui| {
                for (unit, name) in units {
                    if ui.selectable_label(settings.text_unit == Some(unit), name).clicked() {
                        options.text_unit = Some(unit);
                    }
                }
            });
        }
        let encoding = settings.encoding.as_deref().map(str::to_lowercase);
        let named = ENCODINGS.iter().find(|(label, _)| encoding.as_deref() == Some(label));
        // Without a character beyond ASCII in the sample, the first such one will decide.
        let shown = match (named, &encoding) {
            (Some((_, name)), _) => (*name).to_owned(),
            (None, Some(label)) => label.clone(),
            (None, None) => "Detected".to_owned(),
        };
        pick(ui, "Encoding", &shown, 150.0, |ui| {
            for (label, name) in ENCODINGS {
                if ui.selectable_label(encoding.as_deref() == Some(label), name).clicked() {
                    options.encoding = Some(label.to_owned());
                }
            }
        });
    });
    if options != import.options {
        wishes.push(Command::Reread(options));
    }
}

fn name_of<T: PartialEq + Copy>(names: &[(T, &'static str)], value: Option<T>) -> &'static str {
    names.iter().find(|(other, _)| Some(*other) == value).map_or("", |(_, name)| name)
}

fn pick(ui: &mut Ui, name: &str, chosen: &str, width: f32, choices: impl FnOnce(&mut Ui)) {
    widgets::caption(ui, name);
    ui.name_inputs(name, |ui| {
        ComboBox::from_id_salt(name).width(width).selected_text(chosen).show_ui(ui, choices);
    });
    ui.add_space(SPACE_4);
}

fn error(ui: &mut Ui, sentence: &str) {
    let theme = Theme::of(ui);
    ui.add_space(SPACE_12);
    ui.horizontal_top(|ui| {
        ui.label(widgets::icon(icons::WARNING_CIRCLE).color(theme.error));
        ui.add(Label::new(sentence).wrap().selectable(true));
    });
    ui.add_space(SPACE_12);
}

/// The text columns chosen: of the whole file once it is read, of its beginning until then.
fn chosen<'a>(import: &'a Import, peek: &'a Peek) -> &'a [usize] {
    import.corpus.as_ref().map_or(&peek.text_columns, |corpus| &corpus.text_columns)
}

fn preview(ui: &mut Ui, import: &Import, peek: &Peek, wishes: &mut Wishes) {
    let chosen = chosen(import, peek).to_vec();
    let ready = import.corpus.is_some();
    egui::Frame::new().stroke(Theme::of(ui).line()).corner_radius(theme::RADIUS).show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        ui.set_height(PREVIEW);
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::horizontal().auto_shrink(false).id_salt("preview, sideways").show(ui, |ui| {
            let mut table = TableBuilder::new(ui)
                .id_salt(("preview", peek.columns.len()))
                .resizable(true)
                .auto_shrink(false)
                .min_scrolled_height(0.0)
                .max_scroll_height(PREVIEW - 64.0)
                .cell_layout(Layout::left_to_right(Align::Center));
            for i in 0..peek.columns.len() {
                table = table.column(if chosen.last() == Some(&i) {
                    // The text takes what the others leave.
                    Width::remainder().at_least(TEXT_COLUMN).clip(true)
                } else {
                    let width = if chosen.contains(&i) { TEXT_COLUMN } else { COLUMN };
                    Width::initial(width).at_least(80.0).clip(true)
                });
            }
            table
                .header(60.0, |mut row| {
                    for i in 0..peek.columns.len() {
                        row.col(|ui| column_header(ui, import, peek, &chosen, i, ready, wishes));
                    }
                })
                .body(|body| {
                    body.rows(ROW, peek.rows.len(), |mut row| {
                        let cells = &peek.rows[row.index()];
                        for i in 0..peek.columns.len() {
                            row.col(|ui| {
                                let theme = Theme::of(ui);
                                let text = format::one_line(cells.get(i).map_or("", String::as_str), SHOWN);
                                let colour = if chosen.contains(&i) { theme.text } else { theme.muted };
                                let rect = ui.max_rect().shrink2(vec2(SPACE_8, 0.0));
                                widgets::line(ui, rect, Side::Left, text, TextStyle::Body, colour);
                            });
                        }
                    });
                });
        });
    });
}

fn column_header(
    ui: &mut Ui,
    import: &Import,
    peek: &Peek,
    chosen: &[usize],
    i: usize,
    ready: bool,
    wishes: &mut Wishes,
) {
    let name = &peek.columns[i].name;
    let kind = match import.corpus.as_ref().and_then(|corpus| corpus.columns.get(i)) {
        Some(column) => column.typed.kind(),
        None => peek.columns[i].kind,
    };
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.add_space(SPACE_4);
        let mut ticked = chosen.contains(&i);
        ui.horizontal(|ui| {
            ui.add_space(SPACE_4);
            let label = RichText::new(format::one_line(name, 40)).text_style(theme::strong());
            let tick =
                widgets::outlined(ui, |ui| ui.add_enabled(ready, egui::Checkbox::new(&mut ticked, label)));
            tick.widget_info(|| {
                egui::WidgetInfo::selected(egui::Role::CheckBox, ready, ticked, format!("{name} is text"))
            });
            if tick.on_hover_text("Ticked: part of the text that is embedded").changed() {
                let mut columns = chosen.to_vec();
                if ticked {
                    columns.push(i)
                } else {
                    columns.retain(|&c| c != i)
                }
                if !columns.is_empty() {
                    wishes.push(Command::SetTextColumns(columns));
                }
            }
        });
        ui.horizontal(|ui| {
            ui.add_space(SPACE_4);
            ui.name_inputs(format!("Kind of {name}"), |ui| {
                let text = RichText::new(kind_name(kind)).text_style(TextStyle::Small);
                ComboBox::from_id_salt(("kind", i)).width(84.0).selected_text(text).show_ui(ui, |ui| {
                    for choice in KINDS {
                        if ui.selectable_label(choice == kind, kind_name(choice)).clicked() && choice != kind
                        {
                            wishes.push(Command::SetColumnKind(name.clone(), choice));
                        }
                    }
                });
            });
        });
    });
}

/// Which columns make the text, in which order, and why.
fn text_columns(ui: &mut Ui, import: &Import, peek: &Peek, wishes: &mut Wishes) {
    let chosen = chosen(import, peek);
    ui.horizontal_wrapped(|ui| {
        ui.label("Text:");
        for (place, &i) in chosen.iter().enumerate() {
            let name = peek.columns.get(i).map_or("", |column| column.name.as_str());
            ui.label(RichText::new(format::one_line(name, 40)).text_style(theme::strong()));
            if place + 1 < chosen.len() {
                let later = format!("Move {name} behind the next");
                if import.corpus.is_some()
                    && widgets::icon_button(ui, icons::ARROWS_LEFT_RIGHT, &later, "").clicked()
                {
                    let mut columns = chosen.to_vec();
                    columns.swap(place, place + 1);
                    wishes.push(Command::SetTextColumns(columns));
                }
            }
        }
        if peek.text_columns == chosen && !peek.why.is_empty() {
            widgets::caption(ui, format!("({})", peek.why));
        }
    });
}

/// A figure with what it counts below.
fn figure(ui: &mut Ui, value: String, what: &str, warn: bool) {
    let theme = Theme::of(ui);
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let colour = if warn { theme.warning } else { theme.text };
        ui.label(RichText::new(value).text_style(theme::title()).color(colour));
        widgets::caption(ui, what);
    });
    ui.add_space(SPACE_24);
}

fn counts(ui: &mut Ui, import: &Import, peek: &Peek) {
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        let documents = import.corpus.as_ref().map(|corpus| corpus.len() as u64);
        let about = if documents.is_none() && !peek.is_whole { "about " } else { "" };
        figure(
            ui,
            format!("{about}{}", format::count(documents.unwrap_or(peek.documents))),
            "documents",
            false,
        );
        let skipped = report(import, peek).skipped;
        figure(ui, format::count(skipped), "rows skipped", skipped > 0);
        let Some(survey) = &import.survey else {
            if import.vectors.is_none() {
                figure(ui, "…".into(), "counting", false);
            }
            return;
        };
        figure(ui, format::len(survey.empty), "empty", survey.empty > 0);
        figure(ui, format::len(survey.duplicates), "duplicates", false);
        let about = if survey.over_long_estimated { "about " } else { "" };
        let long = format!("longer than {} tokens", survey.max_tokens);
        figure(ui, format!("{about}{}", format::len(survey.over_long)), &long, false);
        if !survey.languages.is_empty() {
            let names: Vec<String> = survey
                .languages
                .iter()
                .take(LANGUAGES)
                .map(|(name, share)| format!("{name} {:.0}%", share * 100.0))
                .collect();
            let first = survey.languages.first().map_or("", |(name, _)| name.as_str());
            figure(ui, first.to_owned(), &names.join(", "), survey.language_warning.is_some());
        }
        if let Some(seconds) = survey.seconds {
            let time = format::duration(Duration::from_secs_f64(seconds.clamp(0.0, 1e9)));
            figure(ui, format!("about {time}"), "to embed", false);
        }
    });
}

fn report<'a>(import: &'a Import, peek: &'a Peek) -> &'a ReadReport {
    import.corpus.as_ref().map_or(&peek.report, |corpus| &corpus.report)
}

fn remarks(ui: &mut Ui, import: &Import, peek: &Peek, state: &mut ImportState) {
    let theme = Theme::of(ui);
    if let Some(sentence) = import.survey.as_ref().and_then(|survey| survey.language_warning.as_ref()) {
        ui.horizontal_top(|ui| {
            ui.label(RichText::new(icons::WARNING).color(theme.warning));
            ui.add(Label::new(sentence).wrap());
        });
    }
    let report = report(import, peek);
    for remark in &report.remarks {
        widgets::caption(ui, remark);
    }
    if report.skipped == 0 {
        return;
    }
    let caret = if state.skipped_open { icons::CARET_DOWN } else { icons::CARET_RIGHT };
    let skipped = format::plural(report.skipped as usize, "row was skipped", "rows were skipped");
    if ui.add(egui::Button::new((RichText::new(caret), skipped)).frame_when_inactive(false)).clicked() {
        state.skipped_open = !state.skipped_open;
    }
    if state.skipped_open {
        ScrollArea::vertical().max_height(SKIPPED).auto_shrink([false, true]).show(ui, |ui| {
            for row in &report.skipped_rows {
                ui.horizontal_top(|ui| {
                    ui.label(RichText::new(format!("Line {}", format::count(row.line))).color(theme.muted));
                    ui.add(Label::new(&row.cause).wrap());
                });
            }
            let listed = report.skipped_rows.len() as u64;
            if report.skipped > listed {
                widgets::caption(ui, format!("and {} more", format::count(report.skipped - listed)));
            }
        });
    }
}

fn footer(ui: &mut Ui, import: &Import, joins: bool, wishes: &mut Wishes) {
    ui.horizontal(|ui| {
        let text = match &import.progress {
            _ if import.error.is_some() => String::new(),
            Some(progress) if import.confirmed => {
                format!("{} · starts as soon as it is read", status_bar::text(progress))
            }
            Some(progress) => status_bar::text(progress),
            None => import.peek.as_ref().map_or_else(String::new, |peek| peek.words.clone()),
        };
        widgets::caption(ui, text);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = SPACE_16;
            let ready = import.error.is_none() && import.peek.is_some() && !import.confirmed;
            // Enter confirms, unless it was meant for a widget that has the focus.
            let entered = ui.input(|input| input.key_pressed(Key::Enter))
                && ui.memory(|memory| memory.focused().is_none());
            ui.add_enabled_ui(ready, |ui| {
                let caption = match import.purpose {
                    Purpose::Add if joins => "Add documents",
                    Purpose::Join if joins => "Join columns",
                    _ => "Explore",
                };
                if widgets::primary_button(ui, caption).clicked() || ready && entered {
                    wishes.push(Command::ConfirmImport);
                }
            });
            if widgets::plain_button(ui, "Cancel").clicked() {
                wishes.push(Command::CancelImport);
            }
        });
    });
}

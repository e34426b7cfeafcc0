//! The sheet "Export": the map as a picture or documents as a table, which of them, how large, and how many bytes.

use std::sync::Arc;

use egui::{Context, DragValue, Grid, RichText, Ui, Vec2, vec2};

use crate::data::{Corpus, Mask};
use crate::io::documents_file::DocumentsFormat;
use crate::session::{ColourBy, DocumentSources, DocumentsExport, Session, StepState, Wake};
use crate::view::raster::MAX_SIDE;
use crate::view::svg::MOST_CIRCLES;

use super::format;
use super::goal_facts;
use super::hand_sheet::{Answer, buttons, heading};
use super::map_picture::{self, Ground, PictureExport, PictureFormat};
use super::theme::{SPACE_8, SPACE_12, Theme};
use super::widgets;
use super::wishes::{Action, Wishes};
use crate::job::derived::{Derived, Same};

/// How wide the sheet is, and the names of its rows.
const WIDTH: f32 = 460.0;
const NAMES: f32 = 84.0;
/// High enough for either half, so that nothing jumps when one changes to the other.
const HEIGHT: f32 = 236.0;
/// Characters of a goal's title.
const TITLE: usize = 36;
/// Pictures that take more memory than this while they are drawn say so.
const MUCH_MEMORY: u64 = 1_000_000_000;
/// What a pixel takes in the meantime.
const BYTES_A_PIXEL: u64 = 4;

/// What goes into a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Export {
    Picture(PictureExport),
    Documents(DocumentsExport),
}

impl Export {
    /// How the file's name ends, without a dot.
    pub fn extension(&self) -> &'static str {
        match self {
            Self::Picture(export) => export.format.extension(),
            Self::Documents(export) => export.format.extension(),
        }
    }

    /// The title of the dialog, the kind of file, and the end of the name that is proposed.
    pub fn file(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Picture(export) => match export.format {
                PictureFormat::Png => ("Export the map", "PNG", "-map.png"),
                PictureFormat::Svg => ("Export the map", "SVG", "-map.svg"),
            },
            Self::Documents(export) => match (export.format, &export.documents) {
                (DocumentsFormat::Csv, None) => ("Export documents", "CSV", "-documents.csv"),
                (DocumentsFormat::Csv, Some(_)) => ("Export documents", "CSV", "-chosen.csv"),
                (DocumentsFormat::Jsonl, None) => ("Export documents", "JSON Lines", "-documents.jsonl"),
                (DocumentsFormat::Jsonl, Some(_)) => ("Export documents", "JSON Lines", "-chosen.jsonl"),
                (DocumentsFormat::Parquet, None) => ("Export documents", "Parquet", "-documents.parquet"),
                (DocumentsFormat::Parquet, Some(_)) => ("Export documents", "Parquet", "-chosen.parquet"),
            },
        }
    }
}

/// The halves of the sheet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum What {
    #[default]
    Picture,
    Documents,
}

/// Which documents are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Selection,
    /// Those that the filter keeps.
    Kept,
    All,
}

/// The size of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    /// So many times the window's.
    Window(u32),
    /// 3840 × 2160.
    FourK,
    /// A4, lying, at 300 dots an inch.
    A4,
    Own,
}

impl Size {
    const CHOICES: [(Self, &str); 6] = [
        (Self::Window(1), "As in the window"),
        (Self::Window(2), "Window × 2"),
        (Self::Window(4), "Window × 4"),
        (Self::FourK, "4K"),
        (Self::A4, "A4, 300 dpi"),
        (Self::Own, "Own size"),
    ];

    fn name(self) -> &'static str {
        Self::CHOICES.iter().find(|(size, _)| *size == self).map_or("", |(_, name)| name)
    }

    /// In pixels; `None` for one's own.
    fn pixels(self, window: Vec2) -> Option<(u32, u32)> {
        let side = |length: f32, times: u32| ((length.round() as u32) * times).clamp(1, MAX_SIDE);
        match self {
            Self::Window(times) => Some((side(window.x, times), side(window.y, times))),
            Self::FourK => Some((3840, 2160)),
            Self::A4 => Some((3508, 2480)),
            Self::Own => None,
        }
    }
}

/// What an estimate is of.
type EstimateKey = (Same<Corpus>, DocumentsExport);

/// What is chosen on the sheet; it stays so from one export to the next.
pub struct ExportSheet {
    what: What,
    picture: PictureExport,
    size: Size,
    /// Of the window's map, in points.
    window: Vec2,
    format: DocumentsFormat,
    which: Which,
    /// What the filter keeps, as a list.
    kept: Option<(Same<Mask>, Arc<Vec<u32>>)>,
    goal: Option<u32>,
    begun: bool,
    estimate: Derived<EstimateKey, u64>,
}

impl Default for ExportSheet {
    fn default() -> Self {
        let picture = PictureExport {
            format: PictureFormat::Png,
            width: 1,
            height: 1,
            legend: true,
            names: true,
            ground: Ground::Light,
        };
        Self {
            what: What::default(),
            picture,
            size: Size::Window(2),
            window: vec2(1.0, 1.0),
            format: DocumentsFormat::default(),
            which: Which::All,
            kept: None,
            goal: None,
            begun: false,
            estimate: Derived::new("size of an export"),
        }
    }
}

impl ExportSheet {
    /// Takes over what the window shows; `map` is the size of its map.
    pub fn begin(&mut self, session: &Session, map: Vec2, ctx: &Context) {
        self.window = map;
        if !std::mem::replace(&mut self.begun, true) && ctx.theme() == egui::Theme::Dark {
            self.picture.ground = Ground::Dark;
        }
        if session.positions().is_none() {
            self.what = What::Documents;
        }
        let selected = session.selection().is_some_and(|selection| !selection.is_empty());
        self.which = match (selected, session.kept()) {
            (true, _) => Which::Selection,
            (false, Some(_)) => Which::Kept,
            (false, None) => Which::All,
        };
        let coloured = match session.colouring().map(|colouring| colouring.by) {
            Some(ColourBy::Goal(goal) | ColourBy::Explanation(goal, _)) => Some(goal),
            _ => None,
        };
        let told = told_goals(session);
        self.goal = coloured.or(self.goal).filter(|goal| told.contains(goal));
    }

    /// Draws the sheet; returns whether it is done with.
    pub fn show(&mut self, ui: &mut Ui, session: &Session, wake: &Wake, wishes: &mut Wishes) -> bool {
        let Some(corpus) = session.corpus() else { return true };
        ui.set_width(WIDTH);
        heading(ui, "Export");
        let mapped = session.positions().is_some();
        ui.horizontal(|ui| {
            ui.add_enabled_ui(mapped, |ui| {
                ui.selectable_value(&mut self.what, What::Picture, "Map as a picture");
            });
            ui.selectable_value(&mut self.what, What::Documents, "Documents");
        });
        widgets::hairline(ui);
        let top = ui.cursor().top();
        let note = match self.what {
            What::Picture => self.picture_half(ui, corpus.len()),
            What::Documents => self.documents_half(ui, session, corpus, wake),
        };
        ui.add_space((HEIGHT - (ui.cursor().top() - top)).max(0.0));
        let ready = mapped || self.what == What::Documents;
        match buttons(ui, &note, "Save…", ready) {
            Answer::Done => {
                wishes.act(Action::PickExportFile(Box::new(self.chosen(session))));
                false
            }
            answer => answer == Answer::Cancelled,
        }
    }

    /// What would be written now.
    pub fn chosen(&self, session: &Session) -> Export {
        match self.what {
            What::Picture => Export::Picture(self.picture),
            What::Documents => Export::Documents(self.documents(session)),
        }
    }

    fn picture_half(&mut self, ui: &mut Ui, documents: usize) -> String {
        if let Some((width, height)) = self.size.pixels(self.window) {
            (self.picture.width, self.picture.height) = (width, height);
        }
        let picture = &mut self.picture;
        rows(ui, "picture", |ui| {
            name(ui, "Format");
            ui.horizontal(|ui| {
                for format in PictureFormat::ALL {
                    ui.selectable_value(&mut picture.format, format, format.name());
                }
                let meaning = match picture.format {
                    PictureFormat::Png => "pixels",
                    PictureFormat::Svg => "vectors, for print and drawing programs",
                };
                widgets::caption(ui, meaning);
            });
            ui.end_row();
            name(ui, "Size");
            ui.horizontal(|ui| {
                ui.name_inputs("Size of the picture", |ui| {
                    egui::ComboBox::from_id_salt("picture size")
                        .width(132.0)
                        .selected_text(self.size.name())
                        .show_ui(ui, |ui| {
                            for (size, name) in Size::CHOICES {
                                ui.selectable_value(&mut self.size, size, name);
                            }
                        });
                });
                let mut changed = false;
                let mut side = |ui: &mut Ui, name: &str, value: &mut u32| {
                    ui.name_inputs(name, |ui| {
                        let drag = DragValue::new(value).range(1..=MAX_SIDE).speed(8.0);
                        changed |= ui.add(drag).changed();
                    });
                };
                side(ui, "Width in pixels", &mut picture.width);
                ui.label("×");
                side(ui, "Height in pixels", &mut picture.height);
                widgets::caption(ui, "px");
                if changed {
                    self.size = Size::Own;
                }
            });
            ui.end_row();
            name(ui, "With");
            ui.horizontal(|ui| {
                widgets::outlined(ui, |ui| {
                    ui.checkbox(&mut picture.legend, "Legend");
                    ui.checkbox(&mut picture.names, "Names");
                });
            });
            ui.end_row();
            name(ui, "Background");
            ui.horizontal(|ui| {
                for (ground, name) in Ground::ALL {
                    let button = ui.selectable_value(&mut picture.ground, ground, name);
                    if ground == Ground::Transparent {
                        button.on_hover_text("Nothing behind the map; colours are those for a light ground");
                    }
                }
            });
            ui.end_row();
        });
        ui.add_space(SPACE_8);
        if picture.format == PictureFormat::Svg && documents > MOST_CIRCLES {
            widgets::caption(
                ui,
                format!(
                    "More than {} points in view are drawn as pixels inside the file, because browsers open so many \
                     circles slowly. Names, lines and legend stay vectors.",
                    format::len(MOST_CIRCLES)
                ),
            );
        }
        let memory = u64::from(picture.width) * u64::from(picture.height) * BYTES_A_PIXEL;
        if picture.format == PictureFormat::Png && memory > MUCH_MEMORY {
            let memory = format::bytes(memory);
            widgets::caption(ui, format!("Takes about {memory} of memory while it is drawn."));
        }
        format!("About {}", format::bytes(map_picture::estimated_bytes(picture, documents, self.window)))
    }

    fn documents_half(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        corpus: &Arc<Corpus>,
        wake: &Wake,
    ) -> String {
        let selected = session.selection().map_or(0, |selection| selection.len());
        if selected == 0 && self.which == Which::Selection {
            self.which = Which::All;
        }
        self.list_kept(session);
        let kept = self.kept.as_ref().map_or(0, |(_, kept)| kept.len());
        if kept == 0 && self.which == Which::Kept {
            self.which = Which::All;
        }
        let goals = told_goals(session);
        rows(ui, "documents", |ui| {
            name(ui, "Format");
            ui.horizontal(|ui| {
                for format in DocumentsFormat::ALL {
                    ui.selectable_value(&mut self.format, format, format.name());
                }
            });
            ui.end_row();
            name(ui, "Which");
            ui.vertical(|ui| {
                let choices = [
                    (Which::Selection, "The selection", selected),
                    (Which::Kept, "What the filter shows", kept),
                    (Which::All, "All", corpus.len()),
                ];
                for (which, name, count) in choices {
                    let text = match count {
                        0 if which == Which::Kept => format!("{name} (there is no filter)"),
                        0 => format!("{name} (nothing is selected)"),
                        _ => format!("{name}, {}", format::plural(count, "document", "documents")),
                    };
                    ui.add_enabled_ui(count > 0, |ui| {
                        widgets::outlined(ui, |ui| ui.radio_value(&mut self.which, which, text));
                    });
                }
            });
            ui.end_row();
            if !goals.is_empty() {
                name(ui, "Explained by");
                let title = |goal: u32| format::one_line(&goal_facts::goal_title(session, goal), TITLE);
                ui.name_inputs("Explanations of a goal", |ui| {
                    egui::ComboBox::from_id_salt("goal of an export")
                        .width(220.0)
                        .selected_text(self.goal.map_or_else(|| "No goal".into(), title))
                        .show_ui(ui, |ui| {
                            ui.selectable_value(&mut self.goal, None, "No goal");
                            for &goal in &goals {
                                ui.selectable_value(&mut self.goal, Some(goal), title(goal));
                            }
                        });
                });
                ui.end_row();
            }
        });
        ui.add_space(SPACE_8);
        widgets::caption(
            ui,
            "Every column of the input, then position, cluster with title, topic with score, and tags, where there are any.",
        );
        widgets::caption(
            ui,
            match self.format {
                DocumentsFormat::Csv => {
                    "Cells as they were read; formulas are made harmless for spreadsheets."
                }
                DocumentsFormat::Jsonl => {
                    "Numbers, lists and dates (ISO 8601) have their types; empty cells are null."
                }
                DocumentsFormat::Parquet => "Typed columns for pandas, Polars, DuckDB and Spark, compressed.",
            },
        );
        let export = self.documents(session);
        let key = (Same(corpus.clone()), export.clone());
        if let Some(from) = DocumentSources::of(session, export.goal) {
            self.estimate.want(key, wake, move |_| from.estimated_bytes(&export));
        }
        match self.estimate.latest() {
            Some(bytes) => format!("About {}", format::bytes(**bytes)),
            None => String::new(),
        }
    }

    /// Lists what the filter keeps, once a filter.
    fn list_kept(&mut self, session: &Session) {
        let kept = session.kept().cloned().map(Same);
        if self.kept.as_ref().map(|(of, _)| of) != kept.as_ref() {
            self.kept = kept.map(|of| {
                let documents = Arc::new(of.0.documents().collect());
                (of, documents)
            });
        }
    }

    fn documents(&self, session: &Session) -> DocumentsExport {
        let documents = match self.which {
            Which::Selection => session.selection().cloned(),
            Which::Kept => self.kept.as_ref().map(|(_, kept)| kept.clone()),
            Which::All => None,
        };
        DocumentsExport { format: self.format, documents, goal: self.goal }
    }
}

/// Goals that have explanations, by their ids.
fn told_goals(session: &Session) -> Vec<u32> {
    let told = session.goals().filter(|goal| goal.answer.is_some() && goal.state == StepState::Done);
    told.map(|goal| goal.asked.id).collect()
}

fn rows(ui: &mut Ui, id: &str, contents: impl FnOnce(&mut Ui)) {
    Grid::new(id).num_columns(2).min_col_width(NAMES).spacing(vec2(SPACE_12, SPACE_8)).show(ui, contents);
}

fn name(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).color(Theme::of(ui).muted));
}

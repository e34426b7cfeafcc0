//! The parameters of each step, as sliders and choices. A change goes to the session as a whole set of parameters.

use egui::{ComboBox, RichText, Slider, TextStyle, Ui};

use crate::embed::Long;
use crate::math::hdbscan::{Ground, HdbscanParams, Selection};
use crate::math::kmeans::Metric;
use crate::math::leiden::LeidenParams;
use crate::math::tsne::TsneParams;
use crate::math::umap::UmapParams;
use crate::session::{Command, Session, Step};
use crate::stage::{ClusterMethod, MapMethod, Params};
use crate::ui::theme::{SPACE_4, SPACE_8, Theme};
use crate::ui::widgets;
use crate::ui::wishes::{Action, Wishes};

/// Width of the names.
const NAME: f32 = 92.0;
/// Width of a slider without its number, at most, and what its number takes beside it.
const SLIDER: f32 = 76.0;
const NUMBER: f32 = 56.0;
/// What the built-in model can read of a text.
const MOST_TOKENS: usize = 512;

/// Whether a step has parameters to show.
pub fn has_some(step: Step) -> bool {
    matches!(step, Step::Corpus | Step::Embed | Step::Neighbours | Step::Map | Step::Clusters)
}

/// Draws the parameters of `step`.
pub fn show(ui: &mut Ui, session: &Session, step: Step, wishes: &mut Wishes) {
    let before = session.params();
    let mut params = before.clone();
    let n = session.corpus().map_or(0, |corpus| corpus.len());
    ui.spacing_mut().slider_width = (ui.available_width() - NAME - NUMBER).clamp(24.0, SLIDER);
    // Sliders as high as their numbers would have knobs too large for a panel.
    ui.spacing_mut().interact_size.y = 20.0;
    match step {
        Step::Embed => embed(ui, session, &mut params, wishes),
        Step::Neighbours => {
            number(
                ui,
                "Neighbours",
                "How many nearest documents each one is linked to: more smooths, fewer shows detail",
                Slider::new(&mut params.neighbours.k, 5..=50),
            );
        }
        Step::Map => map(ui, &mut params, n),
        Step::Clusters => clusters(ui, &mut params, n),
        Step::Corpus => source(ui, session, wishes),
        Step::Quality | Step::Names | Step::Topics => {}
    }
    if params != *before {
        wishes.push(Command::SetParams(Box::new(params)));
    }
}

/// Where the documents came from, and what feeds them.
fn source(ui: &mut Ui, session: &Session, wishes: &mut Wishes) {
    let name_of =
        |path: &std::path::Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    if let Some(path) = session.corpus().and_then(|corpus| corpus.source.as_deref()) {
        named(ui, "Read from", "The file that the documents were read from", |ui| {
            let text = RichText::new(name_of(path)).text_style(TextStyle::Small);
            ui.add(egui::Label::new(text).truncate()).on_hover_text(path.display().to_string());
        });
    }
    if session.embeds() && session.outside().is_none() {
        let split = ui.add_enabled(!session.is_entering(), egui::Button::new("Split into passages…"));
        let hint = "Long texts as passages of some sentences, each embedded and on a map of its own, so that a search by \
                    meaning finds what stands deep inside; the way back is at the top";
        if split.on_hover_text(hint).clicked() {
            wishes.push(Command::SplitIntoPassages);
        }
    }
    match session.watched() {
        Some(path) => {
            widgets::caption(ui, format!("Takes over what changes in {}", name_of(path)));
            ui.horizontal_wrapped(|ui| {
                if ui.button("Read now").clicked() {
                    wishes.push(Command::Refresh);
                }
                if ui.button("Stop watching").clicked() {
                    wishes.push(Command::Watch(None));
                }
            });
        }
        None => {
            ui.horizontal_wrapped(|ui| {
                if let Some(path) = session.corpus().and_then(|corpus| corpus.source.clone()) {
                    let hint =
                        "Read the file again: only texts that changed are embedded, and nothing else moves";
                    if ui.button("Read again").on_hover_text(hint).clicked() {
                        wishes.push(Command::Refresh);
                    }
                    let hint = "Take over what changes in the file from now on";
                    if ui.button("Watch it").on_hover_text(hint).clicked() {
                        wishes.push(Command::Watch(Some(path)));
                    }
                }
                let hint = "New documents of this file or folder are added from now on";
                if ui.button("Watch a file…").on_hover_text(hint).clicked() {
                    wishes.act(Action::PickWatchedFile);
                }
                if ui.button("Watch a folder…").on_hover_text(hint).clicked() {
                    wishes.act(Action::PickWatchedFolder);
                }
            });
            widgets::caption(ui, "Or drop a file on the window to add its documents or columns.");
        }
    }
}

fn embed(ui: &mut Ui, session: &Session, params: &mut Params, wishes: &mut Wishes) {
    let model = session.model_name();
    if !model.is_empty() {
        named(ui, "Model", "What turns a text into a vector", |ui| {
            ui.add(egui::Label::new(RichText::new(model).text_style(TextStyle::Small)).truncate());
        });
    }
    // Vectors that were given have no model to choose.
    if session.embeds() {
        ui.horizontal_wrapped(|ui| {
            let hint =
                "A Hugging Face folder of the BERT family: config.json, tokenizer.json, model.safetensors";
            if ui.button("Choose a model folder…").on_hover_text(hint).clicked() {
                wishes.act(Action::PickModelFolder);
            }
            if params.model.is_some() && ui.button("Use the built-in model").clicked() {
                params.model = None;
            }
        });
        if let Some(folder) = &params.model {
            let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
            widgets::caption(ui, format!("Chosen: {name}"));
        }
    }
    let hint = "Vectors take half the room; how many neighbours they keep is measured and shown above";
    widgets::outlined(ui, |ui| ui.checkbox(&mut params.half, "Half precision")).on_hover_text(hint);
    let mut limited = params.embed.max_tokens.is_some();
    let mut tokens = params.embed.max_tokens.unwrap_or(256);
    let hint = "Words and parts of words read of a text; unticked, as many as the model can";
    let tick = widgets::outlined(ui, |ui| ui.checkbox(&mut limited, "Limit the length"));
    if tick.on_hover_text(hint).changed() {
        params.embed.max_tokens = limited.then_some(tokens);
    }
    if limited && number(ui, "Tokens", hint, Slider::new(&mut tokens, 16..=MOST_TOKENS)) {
        params.embed.max_tokens = Some(tokens);
    }
    let long = &mut params.embed.long;
    let hint = "What happens to texts that are longer than the model reads";
    let text = |long: &Long| if *long == Long::Truncate { "Read the start" } else { "Average pieces" };
    choice(ui, "Long texts", hint, text(long), |ui| {
        ui.selectable_value(long, Long::Truncate, text(&Long::Truncate));
        ui.selectable_value(long, Long::Chunk, text(&Long::Chunk));
    });
}

fn map(ui: &mut Ui, params: &mut Params, n: usize) {
    let method = &mut params.map.method;
    let hint = "UMAP keeps neighbours together; t-SNE keeps more of them and tells less of distances between \
                clusters; PCA shows the widest spread";
    choice(ui, "Method", hint, method.name(), |ui| {
        for choice in [MapMethod::Umap, MapMethod::Tsne, MapMethod::Pca] {
            ui.selectable_value(method, choice, choice.name());
        }
    });
    match params.map.method {
        MapMethod::Umap => umap(ui, &mut params.map.umap, n),
        MapMethod::Tsne => tsne(ui, &mut params.map.tsne),
        MapMethod::Pca => {}
    }
    let topics = &mut params.map.topics;
    let hint = "The grain of the topics that name the map: below 1 more and smaller ones";
    number(
        ui,
        "Topic grain",
        hint,
        Slider::new(&mut topics.bandwidth, 0.4..=2.5).logarithmic(true).fixed_decimals(2),
    );
}

fn umap(ui: &mut Ui, umap: &mut UmapParams, n: usize) {
    number(
        ui,
        "Least distance",
        "How close similar points may lie",
        Slider::new(&mut umap.min_dist, 0.0..=0.99).fixed_decimals(2),
    );
    number(
        ui,
        "Spread",
        "The scale on which the map spreads",
        Slider::new(&mut umap.spread, 0.5..=3.0).fixed_decimals(2),
    );
    let mut epochs = umap.epochs_for(n);
    if number(ui, "Epochs", "Rounds of moving the points", Slider::new(&mut epochs, 50..=1000)) {
        umap.epochs = Some(epochs);
    }
    let hint = "Random points pushed away for each neighbour pulled near: more is truer and slower";
    number(ui, "Negatives", hint, Slider::new(&mut umap.negatives, 1..=20));
}

fn tsne(ui: &mut Ui, tsne: &mut TsneParams) {
    let hint = "About how many neighbours each document attends to: more shows the larger shapes";
    number(ui, "Perplexity", hint, Slider::new(&mut tsne.perplexity, 5.0..=100.0).step_by(1.0));
    let hint = "How much harder neighbours pull after the early rounds: 1 is t-SNE, about 4 looks like UMAP";
    let slider = Slider::new(&mut tsne.exaggeration, 1.0..=12.0).logarithmic(true).fixed_decimals(1);
    number(ui, "Exaggeration", hint, slider);
    let hint = "How fast the points move: 1 suits any number of them, less is calmer";
    let slider = Slider::new(&mut tsne.rate, 0.1..=3.0).logarithmic(true).fixed_decimals(2);
    number(ui, "Learning rate", hint, slider);
    number(ui, "Epochs", "Rounds of moving the points", Slider::new(&mut tsne.epochs, 250..=2000));
}

fn clusters(ui: &mut Ui, params: &mut Params, n: usize) {
    let clusters = &mut params.clusters;
    let text = |method: &ClusterMethod| match method {
        ClusterMethod::Leiden => "Leiden",
        ClusterMethod::KMeans => "k-means",
        ClusterMethod::Density => "Density",
        ClusterMethod::Hdbscan => "HDBSCAN",
    };
    let hint = "Leiden: communities of neighbours. k-means: a given number. Density: the topics of the map. HDBSCAN: \
                only what is certain, the rest is left out";
    choice(ui, "Method", hint, text(&clusters.method), |ui| {
        let methods =
            [ClusterMethod::Leiden, ClusterMethod::KMeans, ClusterMethod::Density, ClusterMethod::Hdbscan];
        for method in methods {
            ui.selectable_value(&mut clusters.method, method, text(&method));
        }
    });
    match clusters.method {
        ClusterMethod::Leiden => {
            let usual = LeidenParams::resolution_for(n);
            let mut resolution = clusters.leiden.resolution.unwrap_or(usual);
            let slider = Slider::new(&mut resolution, 0.05..=20.0).logarithmic(true).fixed_decimals(2);
            if number(ui, "Resolution", "Higher for more and smaller clusters", slider) {
                clusters.leiden.resolution = Some(resolution);
            }
            if clusters.leiden.resolution.is_some() && ui.button("Choose it for me").clicked() {
                clusters.leiden.resolution = None;
            }
        }
        ClusterMethod::KMeans => {
            let most = n.clamp(2, 300);
            number(
                ui,
                "Clusters",
                "How many clusters to make",
                Slider::new(&mut clusters.kmeans.k, 2..=most),
            );
            let metric = &mut clusters.kmeans.metric;
            let text = |metric: &Metric| if *metric == Metric::Cosine { "Direction" } else { "Distance" };
            let hint = "Direction suits texts; distance suits vectors whose length means something";
            choice(ui, "Compare by", hint, text(metric), |ui| {
                for one in [Metric::Cosine, Metric::Euclidean] {
                    ui.selectable_value(metric, one, text(&one));
                }
            });
        }
        ClusterMethod::Density => {
            widgets::caption(ui, "Its grain is set at the map.");
        }
        ClusterMethod::Hdbscan => confident(ui, &mut clusters.hdbscan, n),
    }
}

/// The parameters of HDBSCAN, for `n` documents.
fn confident(ui: &mut Ui, hdbscan: &mut HdbscanParams, n: usize) {
    let ground = &mut hdbscan.ground;
    let text = |ground: &Ground| if *ground == Ground::Map { "The map" } else { "The vectors" };
    let hint = "Where to look for dense places: on the map, or among the vectors as far as their neighbours tell, \
                which is stricter";
    choice(ui, "Look at", hint, text(ground), |ui| {
        for one in [Ground::Map, Ground::Vectors] {
            ui.selectable_value(ground, one, text(&one));
        }
    });
    let mut fewest = hdbscan.min_cluster_size_for(n);
    let hint = "The fewest documents of a cluster";
    let slider = Slider::new(&mut fewest, 2..=(n / 10).clamp(20, 5000)).logarithmic(true);
    if number(ui, "Least size", hint, slider) {
        hdbscan.min_cluster_size = Some(fewest);
    }
    let mut samples = hdbscan.min_samples_for(n);
    let hint = "How many neighbours make a place dense: more leaves more documents out";
    if number(ui, "Neighbours", hint, Slider::new(&mut samples, 1..=50)) {
        hdbscan.min_samples = Some(samples);
    }
    let selection = &mut hdbscan.selection;
    let text =
        |selection: &Selection| if *selection == Selection::Leaf { "The finest" } else { "The lasting" };
    let hint = "Of clusters within clusters: the finest, or those that hold together longest";
    choice(ui, "Take", hint, text(selection), |ui| {
        for one in [Selection::Leaf, Selection::Eom] {
            ui.selectable_value(selection, one, text(&one));
        }
    });
    let hint = "Clusters that lie nearer than this stay together";
    number(ui, "Join below", hint, Slider::new(&mut hdbscan.epsilon, 0.0..=2.0).fixed_decimals(2));
    if *hdbscan != HdbscanParams::default() && ui.button("Choose them for me").clicked() {
        *hdbscan = HdbscanParams::default();
    }
    widgets::caption(ui, "Only what is certain: the rest is left out.");
}

/// A row: a muted name, and what belongs to it, both with the same tooltip.
fn named(ui: &mut Ui, name: &str, hint: &str, contents: impl FnOnce(&mut Ui)) {
    let theme = Theme::of(ui);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_4;
        let (rect, response) =
            ui.allocate_exact_size(egui::vec2(NAME, ui.spacing().interact_size.y), egui::Sense::hover());
        widgets::line(ui, rect, widgets::Side::Left, name, TextStyle::Small, theme.muted);
        response.on_hover_text(hint);
        ui.name_inputs(name, contents);
    });
}

fn number(ui: &mut Ui, name: &str, hint: &str, slider: Slider<'_>) -> bool {
    let mut changed = false;
    named(ui, name, hint, |ui| changed = ui.add(slider).on_hover_text(hint).changed());
    changed
}

fn choice(ui: &mut Ui, name: &str, hint: &str, chosen: &str, choices: impl FnOnce(&mut Ui)) {
    named(ui, name, hint, |ui| {
        let width = ui.available_width() - 2.0 * SPACE_8;
        ComboBox::from_id_salt(name).width(width).selected_text(chosen).show_ui(ui, choices);
    });
}

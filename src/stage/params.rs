//! The parameters of every step, in one value that projects and reports carry.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::embed::EmbedParams;
use crate::math::density::DensityParams;
use crate::math::hdbscan::{Ground, HdbscanParams};
use crate::math::kmeans::KMeansParams;
use crate::math::leiden::LeidenParams;
use crate::math::neighbours::NeighbourParams;
use crate::math::umap::UmapParams;
use crate::model::ModelSource;

/// Everything that can be set about a space and what follows from it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Params {
    /// A Hugging Face folder; `None`: the built-in model.
    pub model: Option<PathBuf>,
    pub embed: EmbedParams,
    /// Keep the vectors in half precision: half the room, for a few neighbours in a thousand.
    pub half: bool,
    pub neighbours: NeighbourParams,
    pub map: MapParams,
    pub clusters: ClusterParams,
}

/// How documents get their places on the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MapMethod {
    #[default]
    Umap,
    Pca,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MapParams {
    pub method: MapMethod,
    pub umap: UmapParams,
    /// Of the topics that label the map.
    pub topics: DensityParams,
}

/// How the cluster column is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClusterMethod {
    #[default]
    Leiden,
    KMeans,
    /// The finest density topics of the map.
    Density,
    /// Dense places of the map or among the vectors; whatever lies between belongs to none.
    Hdbscan,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterParams {
    pub method: ClusterMethod,
    pub leiden: LeidenParams,
    pub kmeans: KMeansParams,
    pub hdbscan: HdbscanParams,
}

impl ClusterParams {
    /// Whether clusters are found on the map rather than among the vectors.
    pub fn need_map(&self) -> bool {
        match self.method {
            ClusterMethod::Leiden | ClusterMethod::KMeans => false,
            ClusterMethod::Density => true,
            ClusterMethod::Hdbscan => self.hdbscan.ground == Ground::Map,
        }
    }
}

impl Params {
    /// The same without paths, for a file that goes elsewhere: a model is named by its folder alone.
    pub fn portable(&self) -> Self {
        let folder = self.model.as_ref().and_then(|model| model.file_name());
        Self { model: folder.map(Into::into), ..self.clone() }
    }

    /// The model these parameters name.
    pub fn source(&self) -> ModelSource {
        self.model.clone().map_or(ModelSource::Builtin, ModelSource::Folder)
    }
}

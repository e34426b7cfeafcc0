//! Topics that a person describes by keywords.

use serde::{Deserialize, Serialize};

/// A topic as a person writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeywordTopic {
    pub name: String,
    /// Words or phrases, each embedded by itself.
    pub keywords: Vec<String>,
}

impl KeywordTopic {
    /// Its keywords without those that are only spaces.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.keywords.iter().map(|keyword| keyword.trim()).filter(|keyword| !keyword.is_empty())
    }

    /// Whether there is a keyword to compare documents with.
    pub fn is_described(&self) -> bool {
        self.words().next().is_some()
    }

    /// What it is called: by its first keyword where it has no name.
    pub fn title(&self) -> &str {
        match self.name.trim() {
            "" => self.words().next().unwrap_or_default(),
            name => name,
        }
    }
}

/// The topics of a corpus, and how they classify its documents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeywordTopics {
    pub topics: Vec<KeywordTopic>,
    /// A document whose score for its best topic is below this has no topic; 0 to 1.
    pub threshold: f32,
    /// The category column that the topics are held against, by its name.
    pub column: Option<String>,
}

impl KeywordTopics {
    /// How many topics a person can write: documents are compared with each of them.
    pub const MOST: usize = 64;

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// The same within its bounds, whatever a file or a field held.
    pub fn within_bounds(mut self) -> Self {
        self.topics.truncate(Self::MOST);
        self.threshold = if self.threshold.is_finite() { self.threshold.clamp(0.0, 1.0) } else { 0.0 };
        self
    }

    /// The topics that have keywords, each with its place among all.
    pub fn described(&self) -> impl Iterator<Item = (u32, &KeywordTopic)> {
        (0u32..).zip(&self.topics).filter(|(_, topic)| topic.is_described())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, keywords: &[&str]) -> KeywordTopic {
        KeywordTopic { name: name.into(), keywords: keywords.iter().map(|&k| k.to_owned()).collect() }
    }

    #[test]
    fn a_topic_without_a_name_is_called_by_its_first_keyword() {
        assert_eq!(topic(" Food ", &["soup"]).title(), "Food");
        assert_eq!(topic(" ", &[" ", "soup", "bread"]).title(), "soup");
        assert_eq!(topic("", &[]).title(), "");
    }

    #[test]
    fn topics_without_keywords_keep_their_place_and_are_not_compared() {
        let topics = vec![topic("a", &["b"]), topic("c", &[" "]), topic("", &["d"])];
        let topics = KeywordTopics { topics, ..KeywordTopics::default() };
        assert_eq!(topics.described().map(|(place, _)| place).collect::<Vec<_>>(), [0, 2]);
    }

    #[test]
    fn what_a_file_holds_is_brought_within_bounds() {
        let many =
            KeywordTopics { topics: vec![topic("a", &["b"]); 1000], threshold: f32::INFINITY, column: None };
        let bound = many.within_bounds();
        assert_eq!((bound.topics.len(), bound.threshold), (KeywordTopics::MOST, 0.0));
    }
}

//! Explicit mappings, as Elasticsearch's `_mapping` has them.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::{DateFormat, Field, Kind, Mapping, Output};

/// Why a mapping cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// It is no JSON object.
    #[error("the mapping is no JSON object: {0}")]
    Json(#[from] serde_json::Error),
    /// A part has the wrong shape.
    #[error("the mapping of `{field}` is wrong: {why}")]
    Field {
        /// Its full name; empty for the root.
        field: String,
        /// What is wrong, and what would work.
        why: &'static str,
    },
}

impl Mapping {
    /// Reads `{"mappings": {…}}`, `{"properties": {…}}`, or the properties alone. Fields that it does not name are mapped
    /// dynamically unless it says `"dynamic": false` (or `"strict"`, which here keeps the document and leaves the value out).
    ///
    /// Aliases, multi-fields, `date` formats `epoch_millis` and `epoch_second`, `ignore_above`, `index`, `doc_values`,
    /// `enabled`, flattened, passthrough and constant keyword fields have their meaning; nested objects are plain objects.
    /// A type this engine does not know is kept in `_source` only. Dynamic templates, `copy_to` and `null_value` are ignored.
    ///
    /// # Errors
    /// When it is no JSON object or a field's definition is none.
    pub fn from_json(json: &str) -> Result<Self, MappingError> {
        let mut root: Map<String, Json> = serde_json::from_str(json)?;
        if let Some(Json::Object(inner)) = root.remove("mappings") {
            root = inner;
        }
        let mut mapping = Self::dynamic();
        mapping.dynamic = is_dynamic(&root);
        mapping.date_detection = root.get("date_detection") != Some(&Json::Bool(false));
        match root.remove("properties") {
            Some(Json::Object(properties)) => mapping.read_properties("", &properties)?,
            Some(_) => return Err(wrong("", "`properties` must be an object")),
            None => {
                root.retain(|key, _| !matches!(key.as_str(), "dynamic" | "date_detection" | "_meta" | "dynamic_templates" | "_source"));
                mapping.read_properties("", &root)?;
            }
        }
        Ok(mapping)
    }

    fn read_properties(&mut self, parent: &str, properties: &Map<String, Json>) -> Result<(), MappingError> {
        for (name, definition) in properties {
            let name = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
            let Json::Object(definition) = definition else {
                return Err(wrong(&name, "a field's definition must be an object such as {\"type\": \"keyword\"}"));
            };
            self.add_parents(&name);
            self.read_field(name, definition)?;
        }
        Ok(())
    }

    fn read_field(&mut self, name: String, definition: &Map<String, Json>) -> Result<(), MappingError> {
        let type_name = match definition.get("type") {
            None => "object",
            Some(Json::String(type_name)) => type_name.as_str(),
            Some(_) => return Err(wrong(&name, "`type` must be a string")),
        };
        match type_name {
            "object" | "nested" | "passthrough" => {
                self.objects.insert(name.clone(), if type_name == "nested" { "nested" } else { "object" });
                if definition.get("enabled") == Some(&Json::Bool(false)) || !is_dynamic(definition) {
                    self.opaque.insert(name.clone());
                }
                if type_name == "passthrough" {
                    self.passthrough.push(name.clone());
                }
                match definition.get("properties") {
                    None => Ok(()),
                    Some(Json::Object(properties)) => self.read_properties(&name, properties),
                    Some(_) => Err(wrong(&name, "`properties` must be an object")),
                }
            }
            "alias" => match definition.get("path") {
                Some(Json::String(path)) => {
                    self.aliases.insert(name, path.clone());
                    Ok(())
                }
                _ => Err(wrong(&name, "an alias needs a `path`")),
            },
            _ => {
                let mut field = self.make(name, type_name, definition)?;
                if let Some(Json::Object(multi_fields)) = definition.get("fields") {
                    for (short, definition) in multi_fields {
                        let full = format!("{}.{short}", field.name);
                        let Json::Object(definition) = definition else {
                            return Err(wrong(&full, "a multi-field's definition must be an object"));
                        };
                        let Some(Json::String(type_name)) = definition.get("type") else {
                            return Err(wrong(&full, "a multi-field needs a `type`"));
                        };
                        let mut multi_field = self.make(full, type_name, definition)?;
                        multi_field.path.clone_from(&field.name);
                        field.multi_fields.push(Arc::new(multi_field));
                    }
                }
                if type_name == "flattened" || type_name == "flat_object" {
                    self.flattened.insert(field.name.clone());
                }
                self.insert(field);
                Ok(())
            }
        }
    }

    fn make(&mut self, name: String, type_name: &str, definition: &Map<String, Json>) -> Result<Field, MappingError> {
        let number = |key: &str| definition.get(key).and_then(Json::as_f64);
        let (kind, family) = match type_name {
            "keyword" => (Kind::Keyword, "keyword"),
            "wildcard" => (Kind::Keyword, "keyword"),
            "constant_keyword" => (Kind::Constant(definition.get("value").and_then(Json::as_str).map(str::to_owned)), "keyword"),
            "version" => (Kind::Keyword, "version"),
            "flattened" | "flat_object" => (Kind::Keyword, "flattened"),
            "ip" => (Kind::Ip, "ip"),
            "text" | "match_only_text" | "search_as_you_type" => (Kind::Text, "text"),
            "byte" => (Kind::Integer, "byte"),
            "short" => (Kind::Integer, "short"),
            "integer" => (Kind::Integer, "integer"),
            "long" => (Kind::Integer, "long"),
            "unsigned_long" => (Kind::Unsigned, "unsigned_long"),
            "half_float" => (Kind::Float, "half_float"),
            "float" => (Kind::Float, "float"),
            "double" => (Kind::Float, "double"),
            "scaled_float" => match number("scaling_factor") {
                Some(factor) if factor > 0.0 => (Kind::Scaled(factor), "scaled_float"),
                _ => return Err(wrong(&name, "a scaled_float needs a `scaling_factor` above zero")),
            },
            "boolean" => (Kind::Boolean, "boolean"),
            "date" => (Kind::Date(date_format(definition, false)), "date"),
            "date_nanos" => (Kind::Date(date_format(definition, true)), "date_nanos"),
            _ => (Kind::Opaque, "binary"),
        };
        let mut field = Field::new(self.new_id(), name, kind, family);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a saturating cast of a length")]
        let length = number("ignore_above").map(|length| length as usize);
        field.ignore_above = length;
        field.searchable = field.kind != Kind::Opaque && definition.get("index") != Some(&Json::Bool(false));
        field.has_doc_values = definition.get("doc_values") != Some(&Json::Bool(false));
        Ok(field)
    }
}

fn is_dynamic(definition: &Map<String, Json>) -> bool {
    match definition.get("dynamic") {
        Some(Json::Bool(dynamic)) => *dynamic,
        Some(Json::String(dynamic)) => dynamic != "false" && dynamic != "strict",
        _ => true,
    }
}

fn date_format(definition: &Map<String, Json>, nanos: bool) -> DateFormat {
    let formats = definition.get("format").and_then(Json::as_str).unwrap_or_default();
    let output = match formats.split("||").next() {
        Some("epoch_millis") => Output::Millis,
        Some("epoch_second") => Output::Seconds,
        _ => Output::Iso,
    };
    DateFormat { nanos, seconds: formats.contains("epoch_second"), output }
}

fn wrong(field: &str, why: &'static str) -> MappingError {
    MappingError::Field { field: field.to_owned(), why }
}

//! elk

//! The reports against the records that they are made from.

mod support;

mod browser;
mod documentation;
mod html;
mod junit;
mod observed;
mod schema;
mod size;
mod trust;

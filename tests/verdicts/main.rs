//! A corpus of unit files, property lists and process tables, each put beside one healthy gateway: what lies in `true/`
//! is a second owner of something, what lies in `silent/` is nobody's business (INCIDENTS D2, D3, G1). Each file says
//! itself what is expected.

// A test that cannot go on shall say where.
#![allow(clippy::unwrap_used)]

mod case;
mod corpus;
mod noise;

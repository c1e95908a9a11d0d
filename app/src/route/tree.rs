//! The match tree: which route takes a method and a path.
//!
//! Built once, walked per request: static beats typed beats untyped beats the rest of the path,
//! with backtracking, so the answer never depends on the order of registration. The tree holds
//! each shape once, so a walk visits each node at most once and its cost is bounded by the tree.
//! Paths are split while still percent-encoded: an encoded slash is data and never splits.
//! Knows nothing of handlers or tables: a route is a number that its caller chose.

use std::borrow::Cow;
use std::collections::HashMap;

use spikard_proto_http::sabotage;
use spikard_proto_http::target::decode_segment;

use super::methods::{MethodSet, Methods};
use super::pattern::{Hint, Pattern, Segment};

/// A route's number, chosen by the caller of [`Builder::insert`].
pub type RouteIndex = u32;

/// What a method and a path lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// This route takes the request.
    Route(RouteIndex),
    /// The shape is this route's, but a typed segment does not hold what its hint asks: 422.
    Mismatch(RouteIndex),
    /// OPTIONS for a path that no route answers it on: 204 with this `Allow`.
    Options(MethodSet),
    /// The path exists, the method does not: 405 with this `Allow`.
    MethodNotAllowed(MethodSet),
    /// No route has this path: 404.
    NotFound,
    /// A segment of the path does not decode to UTF-8: 400.
    BadPath,
}

/// The finished tree.
#[derive(Debug)]
pub struct Tree {
    methods: Methods,
    nodes: Box<[Node]>,
    /// Whole literal paths that need no decoding. Nothing can beat a whole literal match.
    literals: HashMap<Box<str>, usize>,
    everywhere: MethodSet,
    get: MethodSet,
    /// The `Allow` line of every single leaf, and of the whole server.
    allow_lines: HashMap<MethodSet, Box<str>>,
}

/// Collects patterns and refuses clashes.
#[derive(Debug, Clone)]
pub struct Builder {
    methods: Methods,
    nodes: Vec<Node>,
    literals: HashMap<Box<str>, usize>,
    everywhere: MethodSet,
}

/// Why a route could not be inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertError {
    /// A route already has the same shape and method.
    Clash {
        /// Place of the method among those to be inserted.
        method: usize,
        /// The route that has it.
        other: RouteIndex,
    },
    /// The application has [`super::methods::METHODS_MAX`] different methods already.
    TooManyMethods,
}

/// What can follow a prefix of segments.
#[derive(Debug, Default, Clone)]
struct Node {
    /// Sorted by text when the tree is finished. Few children are found faster than a hash is made.
    literals: Vec<(Box<str>, usize)>,
    /// Sorted by hint: the order in which they are tried.
    typed: Vec<(Hint, usize)>,
    untyped: Option<usize>,
    rest: Leaf,
    leaf: Leaf,
    /// Takes what begins here and no route has a shape for.
    mount: Leaf,
}

/// The routes of one shape: few, so a list.
#[derive(Debug, Default, Clone)]
struct Leaf {
    methods: MethodSet,
    routes: Vec<(MethodSet, RouteIndex)>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            methods: Methods::default(),
            nodes: vec![Node::default()],
            literals: HashMap::new(),
            everywhere: MethodSet::EMPTY,
        }
    }
}

impl Builder {
    /// Adds all methods of one pattern; `route` is what a match answers. After an error no request
    /// finds the pattern.
    ///
    /// # Errors
    /// [`InsertError::Clash`] when a pattern of the same shape has one of the methods already.
    pub fn insert(
        &mut self,
        methods: &[String],
        pattern: &Pattern,
        route: RouteIndex,
    ) -> Result<(), InsertError> {
        let mut bits = Vec::with_capacity(methods.len());
        for method in methods {
            bits.push(
                self.methods
                    .register(method)
                    .ok_or(InsertError::TooManyMethods)?,
            );
        }
        let (at, rest) = self.place(pattern);
        let leaf = if rest {
            &mut self.nodes[at].rest
        } else {
            &mut self.nodes[at].leaf
        };
        let clash = |(place, bit): (usize, &MethodSet)| Some((place, leaf.route(*bit)?));
        if let Some((place, other)) = bits.iter().enumerate().find_map(clash) {
            return Err(InsertError::Clash {
                method: place,
                other,
            });
        }
        for bit in bits {
            leaf.routes.push((bit, route));
            leaf.methods = leaf.methods.union(bit);
            self.everywhere = self.everywhere.union(bit);
        }
        if pattern.is_literal() && pattern.text().is_ascii() && !pattern.text().contains('%') {
            self.literals.insert(pattern.text().into(), at);
        }
        Ok(())
    }

    /// Gives GET of a literal path, and of all that is below it, to `route`, wherever no pattern
    /// has the shape. Mounts are added after all patterns, each with a path of its own.
    ///
    /// # Errors
    /// [`InsertError::TooManyMethods`] if there is no room for GET.
    pub fn mount(&mut self, prefix: &str, route: RouteIndex) -> Result<(), InsertError> {
        let get = self
            .methods
            .register("GET")
            .ok_or(InsertError::TooManyMethods)?;
        let segments = prefix.split('/').filter(|segment| !segment.is_empty());
        let at = segments.fold(0, |at, segment| self.literal(at, segment));
        let mount = &mut self.nodes[at].mount;
        mount.methods = get;
        mount.routes = vec![(get, route)];
        self.everywhere = self.everywhere.union(get);
        Ok(())
    }

    /// The node of a pattern, made if needed, and whether the pattern ends with a rest there.
    fn place(&mut self, pattern: &Pattern) -> (usize, bool) {
        let mut at = 0;
        for segment in pattern.segments() {
            match segment {
                Segment::Literal(text) => at = self.literal(at, text),
                Segment::Capture {
                    hint: Some(hint), ..
                } => at = self.typed(at, *hint),
                Segment::Capture { hint: None, .. } => at = self.untyped(at),
                Segment::Rest { .. } => return (at, true),
            }
        }
        (at, false)
    }

    /// Ends the building.
    #[must_use]
    pub fn finish(mut self) -> Tree {
        // An empty set when no route takes GET, which then meets nothing.
        let get = self.methods.find(b"GET").unwrap_or_default();
        for node in &mut self.nodes {
            node.typed.sort_unstable();
            node.literals.sort_unstable();
        }
        let leaves = self
            .nodes
            .iter()
            .flat_map(|node| [node.leaf.methods, node.rest.methods, node.mount.methods]);
        let allow_lines = leaves
            .chain([self.everywhere])
            .map(|set| (set, self.methods.allow_line(set).into_boxed_str()))
            .collect();
        Tree {
            allow_lines,
            methods: self.methods,
            nodes: self.nodes.into(),
            literals: self.literals,
            everywhere: self.everywhere,
            get,
        }
    }

    fn push(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }

    fn literal(&mut self, at: usize, text: &str) -> usize {
        let known = self.nodes[at]
            .literals
            .iter()
            .find(|(own, _)| &**own == text);
        if let Some((_, next)) = known {
            return *next;
        }
        let next = self.push();
        self.nodes[at].literals.push((text.into(), next));
        next
    }

    fn typed(&mut self, at: usize, hint: Hint) -> usize {
        let known = self.nodes[at]
            .typed
            .iter()
            .find(|(other, _)| *other == hint);
        if let Some((_, next)) = known {
            return *next;
        }
        let next = self.push();
        self.nodes[at].typed.push((hint, next));
        next
    }

    fn untyped(&mut self, at: usize) -> usize {
        if let Some(next) = self.nodes[at].untyped {
            return next;
        }
        let next = self.push();
        self.nodes[at].untyped = Some(next);
        next
    }
}

impl Node {
    /// The node behind a literal, once the tree is finished.
    fn literal(&self, text: &str) -> Option<usize> {
        let place = self.literals.binary_search_by(|(own, _)| (**own).cmp(text));
        Some(self.literals[place.ok()?].1)
    }
}

impl Leaf {
    fn route(&self, method: MethodSet) -> Option<RouteIndex> {
        self.routes
            .iter()
            .find(|(each, _)| each.meets(method))
            .map(|(_, route)| *route)
    }
}

impl Tree {
    /// Finds the route for a method and a raw path (still percent-encoded, without the query).
    ///
    /// HEAD is answered by GET where nothing takes HEAD itself (RFC 9110 §9.3.2). The path `*` is
    /// the server as a whole (§9.3.7).
    #[must_use]
    pub fn find(&self, method: &[u8], path: &[u8]) -> Found {
        let Ok(path) = std::str::from_utf8(path) else {
            return Found::BadPath;
        };
        let wanted = self.methods.find(method);
        if let Some(node) = self.literals.get(path)
            && !sabotage::is_off("route/literal-first")
            && let Some(route) = self.take(&self.nodes[*node].leaf, method, wanted)
        {
            return Found::Route(route);
        }
        if path == "*" && method == b"OPTIONS" {
            return Found::Options(self.everywhere);
        }
        let encoded = memchr::memchr(b'%', path.as_bytes()).is_some();
        if encoded && !decodes(path) && !sabotage::is_off("route/decoding") {
            return self.find_undecodable(method, path);
        }
        let Some(rest) = path.strip_prefix('/') else {
            return Found::NotFound;
        };
        let mut walk = Walk::new(self, method, encoded);
        match walk.step(0, Some(rest)) {
            Some(route) => Found::Route(route),
            None => walk.miss(),
        }
    }

    /// A path that is not UTF-8 when decoded: no pattern has it, but a mount may, whose names are
    /// bytes.
    #[cold]
    fn find_undecodable(&self, method: &[u8], path: &str) -> Found {
        let (mut node, mut mount) = (&self.nodes[0], &self.nodes[0].mount);
        for segment in path.split('/').skip(1) {
            let decoded = decode_segment(segment.as_bytes()).ok();
            let place = decoded.and_then(|text| node.literal(&text));
            let Some(next) = place else { break };
            node = &self.nodes[next];
            if !node.mount.routes.is_empty() {
                mount = &node.mount;
            }
        }
        if mount.routes.is_empty() {
            return Found::BadPath;
        }
        let mut walk = Walk::new(self, method, true);
        match walk.arrive(mount) {
            Some(route) => Found::Route(route),
            None => walk.miss(),
        }
    }

    /// The value of `Allow` for a set that [`Tree::find`] answered. Composed only where one path
    /// leads to several patterns.
    #[must_use]
    pub fn allow_line(&self, set: MethodSet) -> Cow<'_, str> {
        match self.allow_lines.get(&set) {
            Some(line) => Cow::Borrowed(line),
            None => Cow::Owned(self.methods.allow_line(set)),
        }
    }

    /// The route of a leaf for a method; GET's for HEAD.
    fn take(&self, leaf: &Leaf, method: &[u8], wanted: Option<MethodSet>) -> Option<RouteIndex> {
        let own = wanted.and_then(|wanted| leaf.route(wanted));
        own.or_else(|| {
            if method == b"HEAD" && !sabotage::is_off("route/head-from-get") {
                leaf.route(self.get)
            } else {
                None
            }
        })
    }
}

/// One search through the tree.
struct Walk<'w> {
    tree: &'w Tree,
    method: &'w [u8],
    wanted: Option<MethodSet>,
    /// Whether the path has percent-encoding at all.
    encoded: bool,
    /// Whether a segment on the way here failed its hint.
    mismatched: bool,
    /// The best route whose shape fits but for a hint.
    mismatch: Option<RouteIndex>,
    /// Methods of the leaves that fit the path.
    allowed: MethodSet,
    /// Methods of the leaves that fit but for a hint.
    shaped: MethodSet,
}

impl<'w> Walk<'w> {
    fn new(tree: &'w Tree, method: &'w [u8], encoded: bool) -> Self {
        Self {
            tree,
            method,
            wanted: tree.methods.find(method),
            encoded,
            mismatched: false,
            mismatch: None,
            allowed: MethodSet::EMPTY,
            shaped: MethodSet::EMPTY,
        }
    }

    /// Matches what is left of the path, `None` after its last segment, from a node on.
    /// Its depth is that of the tree, at most `PATTERN_SEGMENTS_MAX` and one.
    fn step(&mut self, at: usize, rest: Option<&str>) -> Option<RouteIndex> {
        let node = &self.tree.nodes[at];
        let Some(rest) = rest else {
            return self.arrive(&node.leaf).or_else(|| self.mounted(node));
        };
        let (raw, after) = match memchr::memchr(b'/', rest.as_bytes()) {
            Some(slash) => (&rest[..slash], Some(&rest[slash + 1..])),
            None => (rest, None),
        };
        let text = match self.encoded {
            false => Cow::Borrowed(raw),
            // The whole path was checked before the walk, so decoding cannot fail; an empty text
            // would only fail to match.
            true => decode_segment(raw.as_bytes()).unwrap_or_default(),
        };
        if sabotage::is_off("route/literal-first")
            && !raw.is_empty()
            && let Some(route) = self.capture(node, &text, after)
        {
            return Some(route);
        }
        if let Some(next) = node.literal(&text)
            && let Some(route) = self.step(next, after)
        {
            return Some(route);
        }
        if !raw.is_empty()
            && let Some(route) = self.capture(node, &text, after)
        {
            return Some(route);
        }
        if !node.rest.routes.is_empty()
            && let Some(route) = self.arrive(&node.rest)
        {
            return Some(route);
        }
        self.mounted(node)
    }

    /// A mount takes what no pattern below it, or beside it, has the shape of: neither a 405 nor a
    /// 422 of a route becomes a file.
    fn mounted(&mut self, node: &Node) -> Option<RouteIndex> {
        let is_free = self.allowed.is_empty() && self.shaped.is_empty();
        let yields = !is_free && !sabotage::is_off("static/routes-first");
        if node.mount.routes.is_empty() || yields {
            return None;
        }
        self.arrive(&node.mount)
    }

    /// Tries the rows that capture one segment: typed rows that accept it, then the untyped row;
    /// at last the typed rows that do not, only to learn what their shape would have been.
    fn capture(&mut self, node: &Node, text: &str, after: Option<&str>) -> Option<RouteIndex> {
        if sabotage::is_off("route/typed")
            && let Some(next) = node.untyped
            && let Some(route) = self.step(next, after)
        {
            return Some(route);
        }
        for (hint, next) in &node.typed {
            if hint.accepts(text)
                && let Some(route) = self.step(*next, after)
            {
                return Some(route);
            }
        }
        if let Some(next) = node.untyped
            && let Some(route) = self.step(next, after)
        {
            return Some(route);
        }
        let outer = std::mem::replace(&mut self.mismatched, true);
        for (hint, next) in &node.typed {
            if !hint.accepts(text) {
                // A mismatched arrival never answers a route.
                let _ = self.step(*next, after);
            }
        }
        self.mismatched = outer;
        None
    }

    /// The path ended at a leaf.
    fn arrive(&mut self, leaf: &Leaf) -> Option<RouteIndex> {
        let route = self.tree.take(leaf, self.method, self.wanted);
        if !self.mismatched {
            self.allowed = self.allowed.union(leaf.methods);
            return route;
        }
        self.shaped = self.shaped.union(leaf.methods);
        self.mismatch = self.mismatch.or(route);
        None
    }

    /// The answer when no route takes the request.
    fn miss(self) -> Found {
        if let Some(route) = self.mismatch {
            return Found::Mismatch(route);
        }
        let known = if self.allowed.is_empty() {
            self.shaped
        } else {
            self.allowed
        };
        match (known.is_empty(), self.method) {
            (true, _) => Found::NotFound,
            (false, b"OPTIONS") => Found::Options(known),
            (false, _) => Found::MethodNotAllowed(known),
        }
    }
}

/// Whether every segment decodes to UTF-8.
fn decodes(path: &str) -> bool {
    path.split('/')
        .all(|piece| decode_segment(piece.as_bytes()).is_ok())
}

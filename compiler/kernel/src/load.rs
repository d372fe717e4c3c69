//! Reads everything but bodies.
//!
//! References are indices into the canonical name table, and may point ahead, so declarations are read twice. The
//! first pass only finds every declaration, with its byte range and the names it declares. Libraries, classes and
//! procedures have offset tables; fields and constructors do not, so the first pass reads them, bodies included, into
//! a scratch arena. The second pass reads the headers of declarations, with all references resolved. Bodies of
//! procedures are not looked at.
//!
//! Entities get their numbers in file order, so that all entities of one kind and owner form a range.

use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{EntityRef, PrimaryMap, SecondaryMap};

use crate::Bump;
use crate::ast::*;
use crate::component::*;
use crate::cursor::Cursor;
use crate::decl::Owner;
use crate::error::{Error, Result};
use crate::ids::*;
use crate::metadata::{MetadataTables, Repository};
use crate::parser::{Parser, Tables};
use crate::summary::Tally;
use crate::wtf8;

const MAGIC: u32 = 0x90ab_cdef;
const VERSION: u32 = 138;
/// Magic, version, SDK hash.
const HEADER_SIZE: usize = 18;
/// Most parts of a canonical name. Library, class, kind, library of a private name, name make five; the limit keeps
/// walks along parents short whatever a file says.
const MAX_NAME_DEPTH: u8 = 16;
/// Words of the component index around the library offsets: nine before, and the two that end the file.
const INDEX_WORDS: usize = 11;

pub(crate) fn load<'a>(
    bytes: &'a [u8],
    arena: &'a Bump,
    mut tally: Option<&mut Tally>,
) -> Result<Component<'a>> {
    let layout = Layout::read(bytes)?;
    let problems = problems(bytes, &layout, arena)?;
    let (string_bytes, string_ends) = strings(bytes, &layout)?;
    let names = canonical_names(bytes, &layout, string_ends.len())?;
    let (sources, line_starts) = sources(bytes, &layout)?;
    let constant_count =
        Cursor::new(section(bytes, layout.sections.constant_index), at(layout.sections.constants)).count()?;
    let mut tables = Tables {
        bytes,
        string_bytes,
        string_ends,
        names,
        references: PrimaryMap::new(),
        source_count: sources.len(),
        constant_count,
    };
    let metadata = metadata_tables(&tables, &layout)?;
    let mut index = Index::collect(&tables, &layout)?;
    tables.references = std::mem::take(&mut index.references);
    let constants = constants(&tables, &layout, arena, tally.as_deref_mut())?;

    let mut component = Component {
        sdk_hash: &bytes[8..HEADER_SIZE],
        problems,
        main: None,
        sources,
        libraries: PrimaryMap::with_capacity(index.libraries.len()),
        classes: PrimaryMap::with_capacity(index.classes.len()),
        fields: PrimaryMap::with_capacity(index.fields.len()),
        constructors: PrimaryMap::with_capacity(index.constructors.len()),
        procedures: PrimaryMap::with_capacity(index.procedures.len()),
        typedefs: PrimaryMap::new(),
        extensions: PrimaryMap::new(),
        extension_types: PrimaryMap::new(),
        constants,
        line_starts,
        metadata,
        pragma: None,
        sections: layout.sections,
        tables,
    };
    for library in index.libraries.keys() {
        read_library(&mut component, &index, library, arena, tally.as_deref_mut())?;
    }
    component.main = main_procedure(&component, &layout)?;
    component.pragma = pragma_class(&component);
    check_hierarchy(&component)?;
    Ok(component)
}

/// Widens an offset.
fn at(offset: u32) -> usize {
    offset as usize
}

/// The file up to an offset that `Layout` has checked.
fn section(bytes: &[u8], end: u32) -> &[u8] {
    &bytes[..at(end)]
}

/// A big-endian word at an offset that must be in range.
fn word(bytes: &[u8], offset: usize) -> Result<u32> {
    Cursor::new(bytes, offset).u32()
}

/// The component index.
struct Layout<'a> {
    sections: Sections,
    /// Encoded reference to `main`, 0 for none.
    main: u32,
    /// Offset of that word.
    main_offset: usize,
    libraries: Offsets<'a>,
}

/// A table of ascending absolute offsets: where each item starts, and where the last one ends.
#[derive(Clone, Copy)]
struct Offsets<'a> {
    words: &'a [[u8; 4]],
}

impl<'a> Offsets<'a> {
    /// The table of `count + 1` offsets that ends at `end`; offsets must be between `first` and `last`.
    fn before(bytes: &'a [u8], end: usize, count: usize, first: usize, last: usize) -> Result<Self> {
        let start =
            (count + 1).checked_mul(4).and_then(|size| end.checked_sub(size)).filter(|&start| start >= first);
        let Some(start) = start else {
            return Err(Error::new(end, format!("a table of {} offsets before", count + 1)));
        };
        let (words, _) = bytes[start..end].as_chunks::<4>();
        let table = Offsets { words };
        let mut lowest = first;
        for index in 0..=count {
            let offset = table.start(index);
            if offset < lowest || offset > last {
                return Err(Error::new(
                    start + index * 4,
                    format!("an offset between {lowest} and {last}, found {offset}"),
                ));
            }
            // An item takes at least a byte.
            lowest = offset + 1;
        }
        Ok(table)
    }

    fn len(self) -> usize {
        self.words.len() - 1
    }

    fn start(self, index: usize) -> usize {
        at(u32::from_be_bytes(self.words[index]))
    }

    fn range(self, index: usize) -> (usize, usize) {
        (self.start(index), self.start(index + 1))
    }
}

impl<'a> Layout<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self> {
        if u32::try_from(bytes.len()).is_err() {
            return Err(Error::new(0, "a file smaller than 4 GiB"));
        }
        let mut header = Cursor::new(bytes, 0);
        match header.u32()? {
            MAGIC => {}
            magic => {
                return Err(Error::new(
                    0,
                    format!("the magic number {MAGIC:#x} of a kernel file, found {magic:#x}"),
                ));
            }
        }
        match header.u32()? {
            VERSION => {}
            version => {
                return Err(Error::new(4, format!("kernel format version {VERSION}, found {version}")));
            }
        }
        let length = bytes.len();
        if length < HEADER_SIZE + 4 * (INDEX_WORDS + 1) {
            return Err(Error::new(length, "a component index"));
        }
        let size = at(word(bytes, length - 4)?);
        if size < length && size >= HEADER_SIZE {
            return Err(Error::new(
                length - 4,
                format!("a single component, found one of {size} bytes at the end of others"),
            ));
        }
        if size != length {
            return Err(Error::new(length - 4, format!("the file size {length}, found {size}")));
        }
        let library_count = at(word(bytes, length - 8)?);
        let index_size = library_count.checked_add(1 + INDEX_WORDS).and_then(|words| words.checked_mul(4));
        let Some(index) =
            index_size.and_then(|size| length.checked_sub(size)).filter(|&index| index >= HEADER_SIZE)
        else {
            return Err(Error::new(
                length - 8,
                format!("a number of libraries that fits the file, found {library_count}"),
            ));
        };
        let mut cursor = Cursor::new(bytes, index);
        let sections = Sections {
            sources: cursor.u32()?,
            constants: cursor.u32()?,
            constant_index: cursor.u32()?,
            names: cursor.u32()?,
            metadata_payloads: cursor.u32()?,
            metadata_mappings: cursor.u32()?,
            strings: cursor.u32()?,
            index: cursor.u32()?,
        };
        let main_offset = cursor.pos();
        let main = cursor.u32()?;
        let ordered = [
            sections.sources,
            sections.constants,
            sections.constant_index,
            sections.names,
            sections.metadata_payloads,
            sections.metadata_mappings,
            sections.strings,
            sections.index,
        ];
        let mut lowest = HEADER_SIZE;
        for (position, &offset) in ordered.iter().enumerate() {
            if at(offset) < lowest || at(offset) > index {
                return Err(Error::new(
                    index + position * 4,
                    format!("a section between {lowest} and {index}, found {offset}"),
                ));
            }
            lowest = at(offset);
        }
        let libraries = Offsets::before(bytes, length - 8, library_count, HEADER_SIZE, at(sections.sources))?;
        if libraries.start(library_count) != at(sections.sources) {
            return Err(Error::new(length - 12, "the end of the libraries at the start of the source table"));
        }
        Ok(Layout { sections, main, main_offset, libraries })
    }
}

fn problems<'a>(bytes: &'a [u8], layout: &Layout<'_>, arena: &'a Bump) -> Result<&'a [&'a [u8]]> {
    let mut cursor = Cursor::new(&bytes[..layout.libraries.start(0)], HEADER_SIZE);
    let mut problems = Vec::new();
    for _ in 0..cursor.count()? {
        problems.push(cursor.bytes()?);
    }
    match cursor.remaining() {
        0 => Ok(arena.alloc_slice_copy(&problems)),
        _ => Err(cursor.error("the first library")),
    }
}

fn strings<'a>(bytes: &'a [u8], layout: &Layout<'_>) -> Result<(&'a [u8], Vec<u32>)> {
    let mut cursor = Cursor::new(section(bytes, layout.sections.index), at(layout.sections.strings));
    let count = cursor.count()?;
    let mut ends = Vec::with_capacity(count);
    let mut last = 0;
    for _ in 0..count {
        let offset = cursor.pos();
        let end = cursor.uint()?;
        if end < last {
            return Err(Error::new(offset, "string ends in ascending order"));
        }
        last = end;
        ends.push(end);
    }
    let start = cursor.pos();
    let text = cursor.slice(at(last))?;
    let mut begin = 0;
    for &end in &ends {
        let string = &text[begin..at(end)];
        if let Some(error) = wtf8::find_error(string) {
            return Err(Error::new(start + begin + error, "WTF-8 text"));
        }
        begin = at(end);
    }
    match ends.first() {
        Some(0) => Ok((text, ends)),
        _ => Err(Error::new(layout.sections.strings, "a string table that starts with the empty string")),
    }
}

fn canonical_names(
    bytes: &[u8],
    layout: &Layout<'_>,
    string_count: usize,
) -> Result<PrimaryMap<NameIdx, CanonicalName>> {
    let mut cursor =
        Cursor::new(section(bytes, layout.sections.metadata_payloads), at(layout.sections.names));
    let count = cursor.count()?;
    let mut names = PrimaryMap::with_capacity(count);
    let mut depths: Vec<u8> = Vec::with_capacity(count);
    for index in 0..count {
        let start = cursor.pos();
        let parent = at(cursor.uint()?);
        let name = at(cursor.uint()?);
        // Parents come first, which also rules out cycles.
        if parent > index || name >= string_count {
            return Err(Error::new(start, "a canonical name with a parent before it and a valid string"));
        }
        let depth = parent.checked_sub(1).map_or(0, |parent| depths[parent]) + 1;
        if depth > MAX_NAME_DEPTH {
            return Err(Error::new(start, format!("a canonical name of at most {MAX_NAME_DEPTH} parts")));
        }
        depths.push(depth);
        let parent = PackedOption::from(parent.checked_sub(1).map(NameIdx::new));
        names.push(CanonicalName { parent, name: StrIdx::new(name) });
    }
    Ok(names)
}

fn sources<'a>(
    bytes: &'a [u8],
    layout: &Layout<'_>,
) -> Result<(PrimaryMap<SourceIdx, Source<'a>>, Vec<u32>)> {
    let mut cursor = Cursor::new(section(bytes, layout.sections.constants), at(layout.sections.sources));
    let start = cursor.pos();
    let count = at(cursor.u32()?);
    if count > cursor.remaining() / 4 {
        return Err(Error::new(start, format!("a number of sources that fits the file, found {count}")));
    }
    let mut sources = PrimaryMap::with_capacity(count);
    let mut line_starts = Vec::new();
    for _ in 0..count {
        let uri = cursor.bytes()?;
        let text = cursor.bytes()?;
        let line_count = cursor.count()?;
        let first = line_starts.len() as u32;
        let mut line_start = 0u32;
        for _ in 0..line_count {
            let offset = cursor.pos();
            line_start = line_start
                .checked_add(cursor.uint()?)
                .ok_or_else(|| Error::new(offset, "line starts that fit 32 bits"))?;
            line_starts.push(line_start);
        }
        let import_uri = cursor.bytes()?;
        for _ in 0..cursor.count()? {
            cursor.uint()?;
        }
        sources.push(Source { uri, import_uri, text, lines: (first, line_count as u32) });
    }
    // The sources' offsets follow, which nobody needs after a sequential read.
    cursor.slice(count * 4)?;
    match cursor.remaining() {
        0 => Ok((sources, line_starts)),
        _ => Err(cursor.error("the constant table")),
    }
}

/// Finds the tables of the known repositories. The section is written to be read backwards.
fn metadata_tables<'a>(tables: &Tables<'a>, layout: &Layout<'_>) -> Result<MetadataTables<'a>> {
    let Sections { metadata_payloads, metadata_mappings, strings, .. } = layout.sections;
    let start = at(metadata_mappings);
    let mut end = at(strings);
    let back = |end: usize, size: usize, what: &'static str| {
        end.checked_sub(size).filter(|&offset| offset >= start).ok_or_else(|| Error::new(end, what))
    };
    let mut result = MetadataTables::new(&tables.bytes[..start], metadata_payloads);
    end = back(end, 4, "the number of metadata repositories before")?;
    for _ in 0..word(tables.bytes, end)? {
        end = back(end, 4, "the number of entries of a metadata repository before")?;
        let size = at(word(tables.bytes, end)?).saturating_mul(8);
        let table_end = end;
        end = back(end, size, "a metadata table before")?;
        let (entries, _) = tables.bytes[end..table_end].as_chunks::<8>();
        let table_start = end;
        end = back(end, 4, "the tag of a metadata repository before")?;
        let tag = at(word(tables.bytes, end)?);
        if tag >= tables.string_ends.len() {
            return Err(Error::new(end, "a string as tag of a metadata repository"));
        }
        let tag = tables.string(StrIdx::new(tag));
        let Some(repository) = Repository::ALL.into_iter().find(|r| r.tag().as_bytes() == tag) else {
            continue;
        };
        if !result.set(repository, entries) {
            return Err(Error::new(end, format!("one table for {}", repository.tag())));
        }
        let node = |entry: &[u8; 8]| u32::from_be_bytes([entry[0], entry[1], entry[2], entry[3]]);
        if let Some(index) = entries.windows(2).position(|pair| node(&pair[0]) >= node(&pair[1])) {
            return Err(Error::new(table_start + index * 8, "metadata in ascending order of nodes"));
        }
    }
    match end == start {
        true => Ok(result),
        false => Err(Error::new(end, "the start of the metadata mappings")),
    }
}

fn constants<'a>(
    tables: &Tables<'a>,
    layout: &Layout<'_>,
    arena: &'a Bump,
    tally: Option<&mut Tally>,
) -> Result<PrimaryMap<ConstIdx, Constant<'a>>> {
    let start = at(layout.sections.constants);
    let end = at(layout.sections.constant_index);
    let index_end = at(layout.sections.names);
    let mut parser = Parser::new(tables, arena, start, end).with_tally(tally);
    let count = parser.count()?;
    // One relative offset per constant, then their number.
    if index_end - end != (count + 1) * 4 || at(word(tables.bytes, index_end - 4)?) != count {
        return Err(Error::new(end, format!("an index of {count} constants")));
    }
    let (index, _) = tables.bytes[end..index_end - 4].as_chunks::<4>();
    let mut constants = PrimaryMap::with_capacity(count);
    for (id, &relative) in index.iter().enumerate() {
        if start + at(u32::from_be_bytes(relative)) != parser.pos() {
            return Err(Error::new(
                end + id * 4,
                format!("the offset {} of a constant", parser.pos() - start),
            ));
        }
        constants.push(parser.constant_entry(ConstIdx::new(id))?);
    }
    parser.finish("the constant table")?;
    Ok(constants)
}

/// What the first pass finds.
struct Index {
    /// What declares each name.
    references: PrimaryMap<NameIdx, Reference>,
    libraries: PrimaryMap<LibIdx, LibraryEntry>,
    classes: PrimaryMap<ClassIdx, ClassEntry>,
    extension_types: PrimaryMap<ExtTypeIdx, IdRange<ProcIdx>>,
    /// Start and end.
    fields: PrimaryMap<FieldIdx, (usize, usize)>,
    constructors: PrimaryMap<CtorIdx, (usize, usize)>,
    procedures: PrimaryMap<ProcIdx, (usize, usize)>,
    typedef_count: usize,
    extension_count: usize,
}

struct LibraryEntry {
    range: (usize, usize),
    typedefs: IdRange<TypedefIdx>,
    classes: IdRange<ClassIdx>,
    /// Where the list of extensions starts.
    extensions_start: usize,
    extensions: IdRange<ExtensionIdx>,
    extension_types: IdRange<ExtTypeIdx>,
    fields: IdRange<FieldIdx>,
    procedures: IdRange<ProcIdx>,
}

#[derive(Clone, Copy)]
struct ClassEntry {
    range: (usize, usize),
    fields: IdRange<FieldIdx>,
    constructors: IdRange<CtorIdx>,
    procedures: IdRange<ProcIdx>,
}

/// State of the first pass.
struct Collector<'c, 'a> {
    tables: &'c Tables<'a>,
    index: Index,
    scratch: Bump,
}

impl Index {
    fn collect(tables: &Tables<'_>, layout: &Layout<'_>) -> Result<Index> {
        let mut references = PrimaryMap::with_capacity(tables.names.len());
        for name in tables.names.keys() {
            references.push(Reference::Unresolved(name));
        }
        let index = Index {
            references,
            libraries: PrimaryMap::new(),
            classes: PrimaryMap::new(),
            extension_types: PrimaryMap::new(),
            fields: PrimaryMap::new(),
            constructors: PrimaryMap::new(),
            procedures: PrimaryMap::new(),
            typedef_count: 0,
            extension_count: 0,
        };
        let mut collector = Collector { tables, index, scratch: Bump::new() };
        for library in 0..layout.libraries.len() {
            collector.library(layout.libraries.range(library))?;
        }
        Ok(collector.index)
    }

    fn define(&mut self, name: NameIdx, reference: Reference, node: NodeOffset) -> Result<()> {
        match self.references[name] {
            Reference::Unresolved(_) => {
                self.references[name] = reference;
                Ok(())
            }
            _ => Err(Error::new(node.0, "a canonical name that nothing else declares")),
        }
    }
}

/// Whoever owns things in the first pass: nobody looks.
fn any_owner() -> Owner {
    let library = LibIdx::new(0);
    Owner { library, enclosing: Enclosing::Library(library) }
}

impl Collector<'_, '_> {
    /// Runs `read` on a parser from `pos` to before `end`, drops what it allocated, and gives the position reached.
    fn scan<T>(
        &mut self,
        pos: &mut usize,
        end: usize,
        read: impl for<'b> FnOnce(&mut Parser<'_, '_, 'b>) -> Result<T>,
    ) -> Result<T> {
        let mut parser = Parser::new(self.tables, &self.scratch, *pos, end);
        let result = read(&mut parser);
        *pos = parser.pos();
        self.scratch.reset();
        result
    }

    fn expect_at(pos: usize, expected: usize, what: &str) -> Result<()> {
        match pos == expected {
            true => Ok(()),
            false => Err(Error::new(pos, format!("{what} at {expected}"))),
        }
    }

    fn library(&mut self, range: (usize, usize)) -> Result<()> {
        let (start, end) = range;
        let bytes = self.tables.bytes;
        // The trailer, backwards: number and offsets of procedures, then of classes.
        let words_end = |end: usize, count: usize| end.saturating_sub(4 * (count + 1));
        let too_short = || Error::new(end, "a library trailer before");
        let count_offset = end.checked_sub(4).filter(|&offset| offset >= start).ok_or_else(too_short)?;
        let procedure_count = at(word(bytes, count_offset)?);
        let procedures = Offsets::before(bytes, count_offset, procedure_count, start, end)?;
        let procedures_start = words_end(count_offset, procedure_count);
        let count_offset = procedures_start.checked_sub(4).filter(|&o| o >= start).ok_or_else(too_short)?;
        let class_count = at(word(bytes, count_offset)?);
        let classes = Offsets::before(bytes, count_offset, class_count, start, end)?;
        let trailer = words_end(count_offset, class_count).checked_sub(4).filter(|&o| o >= start);
        let trailer = trailer.ok_or_else(too_short)?;

        let mut pos = start;
        let name = self.scan(&mut pos, trailer, |p| Ok(p.library_header()?.canonical_name))?;
        let library = self.index.libraries.next_key();
        self.index.define(name, Reference::Library(library), NodeOffset(start as u32))?;

        let first_typedef = self.index.typedef_count;
        let typedef_count = self.scan(&mut pos, trailer, |p| p.count())?;
        for _ in 0..typedef_count {
            let id = TypedefIdx::new(self.index.typedef_count);
            let typedef = self.scan(&mut pos, trailer, |p| p.typedef(id))?;
            self.index.define(typedef.canonical_name, Reference::Typedef(id), typedef.node)?;
            self.index.typedef_count += 1;
        }

        let first_class = self.index.classes.len();
        let count = self.scan(&mut pos, trailer, |p| p.count())?;
        Self::expect_at(count, class_count, "as many classes as offsets")?;
        Self::expect_at(pos, classes.start(0), "the first class")?;
        for class in 0..class_count {
            self.class(classes.range(class))?;
        }
        pos = classes.start(class_count);

        let extensions_start = pos;
        let first_extension = self.index.extension_count;
        for _ in 0..self.scan(&mut pos, trailer, |p| p.count())? {
            let id = ExtensionIdx::new(self.index.extension_count);
            let extension = self.scan(&mut pos, trailer, |p| p.extension(id))?;
            self.index.define(extension.canonical_name, Reference::Extension(id), extension.node)?;
            self.index.extension_count += 1;
        }
        let first_extension_type = self.index.extension_types.len();
        for _ in 0..self.scan(&mut pos, trailer, |p| p.count())? {
            self.extension_type(&mut pos, trailer)?;
        }

        let fields = self.fields(&mut pos, trailer)?;
        let count = self.scan(&mut pos, trailer, |p| p.count())?;
        Self::expect_at(count, procedure_count, "as many procedures as offsets")?;
        Self::expect_at(pos, procedures.start(0), "the first procedure")?;
        let procedures = self.procedures(procedures)?;
        let classes = IdRange::new(first_class, self.index.classes.len());
        self.index.libraries.push(LibraryEntry {
            range,
            typedefs: IdRange::new(first_typedef, self.index.typedef_count),
            classes,
            extensions_start,
            extensions: IdRange::new(first_extension, self.index.extension_count),
            extension_types: IdRange::new(first_extension_type, self.index.extension_types.len()),
            fields,
            procedures,
        });
        Ok(())
    }

    fn class(&mut self, range: (usize, usize)) -> Result<()> {
        let (start, end) = range;
        let bytes = self.tables.bytes;
        let count_offset = end.checked_sub(4).filter(|&offset| offset >= start);
        let count_offset = count_offset.ok_or_else(|| Error::new(end, "a class trailer before"))?;
        let procedure_count = at(word(bytes, count_offset)?);
        let procedures = Offsets::before(bytes, count_offset, procedure_count, start, end)?;
        let trailer = count_offset - 4 * (procedure_count + 1);
        Self::expect_at(procedures.start(procedure_count), trailer, "the end of the procedures")?;

        let class = self.index.classes.next_key();
        let mut pos = start;
        let name =
            self.scan(&mut pos, trailer, |p| Ok(p.class_header(class, any_owner().library)?.canonical_name))?;
        self.index.define(name, Reference::Class(class), NodeOffset(start as u32))?;
        let fields = self.fields(&mut pos, trailer)?;

        let first_constructor = self.index.constructors.len();
        for _ in 0..self.scan(&mut pos, trailer, |p| p.count())? {
            let start = pos;
            let id = self.index.constructors.next_key();
            let name = self.scan(&mut pos, trailer, |p| {
                let constructor = p.constructor_header(id, class, any_owner().library)?;
                p.constructor_rest(constructor.function.body.is_some())?;
                Ok(constructor.canonical_name)
            })?;
            self.index.constructors.push((start, pos));
            self.index.define(name, Reference::Constructor(id), NodeOffset(start as u32))?;
        }

        let count = self.scan(&mut pos, trailer, |p| p.count())?;
        Self::expect_at(count, procedure_count, "as many procedures as offsets")?;
        Self::expect_at(pos, procedures.start(0), "the first procedure")?;
        let procedures = self.procedures(procedures)?;
        self.index.classes.push(ClassEntry {
            range,
            fields,
            constructors: IdRange::new(first_constructor, self.index.constructors.len()),
            procedures,
        });
        Ok(())
    }

    fn fields(&mut self, pos: &mut usize, end: usize) -> Result<IdRange<FieldIdx>> {
        let first = self.index.fields.len();
        for _ in 0..self.scan(pos, end, |p| p.count())? {
            let start = *pos;
            let node = NodeOffset(start as u32);
            let (field, getter, setter) = self.scan(pos, end, |p| {
                let field = p.field_header(any_owner())?;
                p.field_rest(field.initializer.is_some())?;
                Ok((field.canonical_name, field.getter_name, field.setter_name))
            })?;
            let id = self.index.fields.push((start, *pos));
            self.index.define(field, Reference::Field(id), node)?;
            self.index.define(getter, Reference::FieldGetter(id), node)?;
            if let Some(setter) = setter.expand() {
                self.index.define(setter, Reference::FieldSetter(id), node)?;
            }
        }
        Ok(IdRange::new(first, self.index.fields.len()))
    }

    /// Procedures with an offset table: only tag and name are read.
    fn procedures(&mut self, offsets: Offsets<'_>) -> Result<IdRange<ProcIdx>> {
        let first = self.index.procedures.len();
        for procedure in 0..offsets.len() {
            let (start, end) = offsets.range(procedure);
            let mut pos = start;
            let name = self.scan(&mut pos, end, |p| {
                p.tag(6, "a procedure")?;
                p.canonical_name()
            })?;
            let id = self.index.procedures.push((start, end));
            self.index.define(name, Reference::Procedure(id), NodeOffset(start as u32))?;
        }
        Ok(IdRange::new(first, self.index.procedures.len()))
    }

    fn extension_type(&mut self, pos: &mut usize, end: usize) -> Result<()> {
        let id = self.index.extension_types.next_key();
        let node = NodeOffset(*pos as u32);
        let name = self.scan(pos, end, |p| Ok(p.extension_type_header(id)?.canonical_name))?;
        self.index.define(name, Reference::ExtensionType(id), node)?;
        let first = self.index.procedures.len();
        for _ in 0..self.scan(pos, end, |p| p.count())? {
            let start = *pos;
            let id = self.index.procedures.next_key();
            let name = self.scan(pos, end, |p| {
                let procedure = p.procedure_header(id, any_owner())?;
                p.function_rest(procedure.function.body.is_some())?;
                Ok(procedure.canonical_name)
            })?;
            self.index.procedures.push((start, *pos));
            self.index.define(name, Reference::Procedure(id), NodeOffset(start as u32))?;
        }
        self.index.extension_types.push(IdRange::new(first, self.index.procedures.len()));
        self.scan(pos, end, |p| p.skip_member_descriptors())
    }
}

/// The second pass, over one library. Entities are pushed in the order the first pass numbered them.
fn read_library<'a>(
    component: &mut Component<'a>,
    index: &Index,
    library: LibIdx,
    arena: &'a Bump,
    mut tally: Option<&mut Tally>,
) -> Result<()> {
    let entry = &index.libraries[library];
    let (start, end) = entry.range;
    let tables = &component.tables;
    let mut parser = Parser::new(tables, arena, start, end).with_tally(tally.as_deref_mut());
    let header = parser.library_header()?;
    parser.count()?;
    for typedef in entry.typedefs.iter() {
        component.typedefs.push(parser.typedef(typedef)?);
    }
    for class in entry.classes.iter() {
        let ClassEntry { range, fields, constructors, procedures } = index.classes[class];
        let mut parser = Parser::new(tables, arena, range.0, range.1).with_tally(tally.as_deref_mut());
        let header = parser.class_header(class, library)?;
        component.classes.push(Class { fields, constructors, procedures, ..header });
        let owner = Owner { library, enclosing: Enclosing::Class(class) };
        for field in fields.iter() {
            let (start, end) = index.fields[field];
            let mut parser = Parser::new(tables, arena, start, end).with_tally(tally.as_deref_mut());
            parser.scope = header.scope;
            component.fields.push(parser.field_header(owner)?);
        }
        for constructor in constructors.iter() {
            let (start, end) = index.constructors[constructor];
            let mut parser = Parser::new(tables, arena, start, end).with_tally(tally.as_deref_mut());
            parser.scope = header.scope;
            component.constructors.push(parser.constructor_header(constructor, class, library)?);
        }
        for procedure in procedures.iter() {
            let (start, end) = index.procedures[procedure];
            let mut parser = Parser::new(tables, arena, start, end).with_tally(tally.as_deref_mut());
            parser.scope = header.scope;
            component.procedures.push(parser.procedure_header(procedure, owner)?);
        }
    }

    let mut parser = Parser::new(tables, arena, entry.extensions_start, end).with_tally(tally.as_deref_mut());
    parser.count()?;
    for extension in entry.extensions.iter() {
        component.extensions.push(parser.extension(extension)?);
    }
    parser.count()?;
    for extension_type in entry.extension_types.iter() {
        let procedures = index.extension_types[extension_type];
        let header = parser.extension_type_header(extension_type)?;
        component.extension_types.push(ExtensionType { procedures, ..header });
        let owner = Owner { library, enclosing: Enclosing::ExtensionType(extension_type) };
        parser.count()?;
        for procedure in procedures.iter() {
            // Without an offset table these are read to their ends, but like all others only up to their bodies here.
            let (start, end) = index.procedures[procedure];
            let mut member = Parser::new(tables, arena, start, end).with_scope(header.scope);
            component.procedures.push(member.procedure_header(procedure, owner)?);
            parser.cursor.seek(end);
        }
        parser.scope = TypeScope::EMPTY;
        parser.skip_member_descriptors()?;
    }

    let owner = Owner { library, enclosing: Enclosing::Library(library) };
    for field in entry.fields.iter() {
        let (start, end) = index.fields[field];
        let mut parser = Parser::new(tables, arena, start, end).with_tally(tally.as_deref_mut());
        component.fields.push(parser.field_header(owner)?);
    }
    for procedure in entry.procedures.iter() {
        let (start, end) = index.procedures[procedure];
        let mut parser = Parser::new(tables, arena, start, end).with_tally(tally.as_deref_mut());
        component.procedures.push(parser.procedure_header(procedure, owner)?);
    }
    component.libraries.push(Library {
        node: NodeOffset(start as u32),
        flags: header.flags,
        language_version: header.language_version,
        canonical_name: header.canonical_name,
        name: header.name,
        source: header.source,
        annotations: header.annotations,
        dependencies: header.dependencies,
        additional_exports: header.additional_exports,
        typedefs: entry.typedefs,
        classes: entry.classes,
        extensions: entry.extensions,
        extension_types: entry.extension_types,
        fields: entry.fields,
        procedures: entry.procedures,
    });
    Ok(())
}

fn main_procedure(component: &Component<'_>, layout: &Layout<'_>) -> Result<Option<ProcIdx>> {
    let Some(name) = at(layout.main).checked_sub(1) else {
        return Ok(None);
    };
    match component.tables.references.get(NameIdx::new(name)) {
        Some(&Reference::Procedure(procedure)) => Ok(Some(procedure)),
        _ => Err(Error::new(layout.main_offset, "a procedure as main")),
    }
}

/// Finds `dart:core`'s `pragma` class and its fields, unless they are tree-shaken.
fn pragma_class(component: &Component<'_>) -> Option<PragmaClass> {
    let class = component.find_class(component.find_library("dart:core")?, "pragma")?;
    let field = |name: &[u8]| {
        let fields = component.classes[class].fields;
        fields.iter().find(|&field| component.string(component.fields[field].name.text) == name)
    };
    Some(PragmaClass { class, name: field(b"name")?, options: field(b"options") })
}

/// Checks that no class is its own supertype.
fn check_hierarchy(component: &Component<'_>) -> Result<()> {
    #[derive(Clone, Copy, Default, PartialEq)]
    enum State {
        #[default]
        New,
        Active,
        Done,
    }
    // The superclass, the mixed in class, and then the interfaces; None beyond the last.
    let supertype = |class: ClassIdx, index: usize| -> Option<Option<DartType<'_>>> {
        let class = &component.classes[class];
        match index {
            0 => Some(class.supertype),
            1 => Some(class.mixed_in),
            _ => class.implements.get(index - 2).copied().map(Some),
        }
    };
    let mut states = SecondaryMap::<ClassIdx, State>::with_capacity(component.classes.len());
    for root in component.classes.keys() {
        if states[root] != State::New {
            continue;
        }
        states[root] = State::Active;
        // Classes on the path, each with the number of its next supertype.
        let mut path = vec![(root, 0)];
        while let Some((class, next)) = path.last_mut() {
            let Some(above) = supertype(*class, *next) else {
                states[*class] = State::Done;
                path.pop();
                continue;
            };
            *next += 1;
            let Some(DartType::Interface { class: above, .. }) = above else {
                continue;
            };
            match states[above] {
                State::New => {
                    states[above] = State::Active;
                    path.push((above, 0));
                }
                State::Active => {
                    return Err(Error::new(component.classes[above].node.0, "an acyclic class hierarchy"));
                }
                State::Done => {}
            }
        }
    }
    Ok(())
}

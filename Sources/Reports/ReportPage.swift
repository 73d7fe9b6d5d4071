/// A page of text, tables, charts and pictures that loads nothing and runs nothing.
public struct ReportPage: Sendable, Equatable {
  /// A part of a section.
  public indirect enum Block: Sendable, Equatable {
    /// A paragraph.
    case text(String)
    /// A sentence that matters most.
    case claim(String)
    /// What is left out or was thinned, and why.
    case note(String)
    /// Names and numbers, the most important ones.
    case facts([Fact])
    /// A chart of series.
    case chart(Chart)
    /// A chart of rows.
    case rows(RowChart)
    /// A table.
    case table(ReportTable)
    /// Pictures beside each other.
    case figures([Figure])
    /// Blocks that show when asked for.
    case details(String, [Block])
  }

  /// A name with a number.
  public struct Fact: Sendable, Equatable {
    /// What the number says.
    public var name: String
    /// The number.
    public var cell: ReportTable.Cell

    /// A name with a number.
    public init(_ name: String, _ cell: ReportTable.Cell) { (self.name, self.cell) = (name, cell) }
  }

  /// Pictures with a line below them.
  public struct Figure: Sendable, Equatable {
    /// A picture with the words that stand for it.
    public struct Image: Sendable, Equatable {
      /// The picture.
      public var picture: Picture
      /// What is to be seen.
      public var alternative: String
      /// Width on the page, in pixels.
      public var width: Int
      /// Height on the page, in pixels.
      public var height: Int

      /// A picture on the page.
      ///
      /// - Parameters:
      ///   - picture: The picture.
      ///   - alternative: What is to be seen.
      ///   - width: Width on the page.
      ///   - height: Height on the page.
      public init(_ picture: Picture, alternative: String, width: Int, height: Int) {
        (self.picture, self.alternative, self.width, self.height) =
          (picture, alternative, width, height)
      }
    }

    /// The pictures, from the top.
    public var images: [Image]
    /// What they are.
    public var caption: String

    /// Pictures with a line below them.
    public init(images: [Image], caption: String) {
      (self.images, self.caption) = (images, caption)
    }
  }

  /// A part of the page with a heading.
  public struct Section: Sendable, Equatable {
    /// The heading.
    public var title: String
    /// What is below the heading, before any section inside.
    public var blocks: [Block]
    /// Sections inside.
    public var sections: [Section]
    /// File that keys of cells refer to; nil for none.
    public var file: String?

    /// A section.
    ///
    /// - Parameters:
    ///   - title: The heading.
    ///   - blocks: What is below it.
    ///   - sections: Sections inside.
    ///   - file: File that keys of cells refer to.
    public init(
      _ title: String, _ blocks: [Block] = [], sections: [Section] = [], file: String? = nil
    ) {
      (self.title, self.blocks, self.sections, self.file) = (title, blocks, sections, file)
    }
  }

  /// Title of the page.
  public var title: String
  /// What is below the title.
  public var blocks: [Block]
  /// The sections.
  public var sections: [Section]
  /// Last line.
  public var footer: String

  /// A page.
  ///
  /// - Parameters:
  ///   - title: Title of the page.
  ///   - blocks: What is below it.
  ///   - sections: The sections.
  ///   - footer: Last line.
  public init(title: String, blocks: [Block], sections: [Section], footer: String) {
    (self.title, self.blocks, self.sections, self.footer) = (title, blocks, sections, footer)
  }
}

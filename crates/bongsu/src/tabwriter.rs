//! Columns as Go's `text/tabwriter` lays them out (padding of two blanks): a cell is text ended
//! by a tab, and a column is as wide as its widest cell among neighbouring lines that have it.

/// Lays out `text`.
pub(crate) fn align(text: &str) -> String {
    const PADDING: usize = 2;
    let lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
    let ended = |line: &Vec<&str>, column: usize| line.len() > column + 1;
    let mut out = String::with_capacity(text.len() * 2);
    // Width of each column in the block of lines that the current line belongs to.
    let mut widths: Vec<usize> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        widths.truncate(line.len() - 1);
        while ended(line, widths.len()) {
            let column = widths.len();
            let block = lines[at..].iter().take_while(|line| ended(line, column));
            let widest = block.map(|line| line[column].chars().count()).max().unwrap_or(0);
            widths.push(widest + PADDING);
        }
        for (column, cell) in line.iter().enumerate() {
            out.push_str(cell);
            if let Some(width) = widths.get(column) {
                out.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
            }
        }
        if at + 1 < lines.len() {
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::align;

    #[test]
    fn columns_and_blocks() {
        for (text, want) in [
            ("A\tBB\t\nccc\td\t\n", "A    BB  \nccc  d   \n"),
            ("Cluster Status:\tx\nNode Name:\t\n", "Cluster Status:  x\nNode Name:       \n"),
            ("a\tb\n\nlonger\tc\nd\te\tf\n", "a  b\n\nlonger  c\nd       e  f\n"),
            ("하나\tx\t\nab\ty\t\n", "하나  x  \nab  y  \n"),
        ] {
            assert_eq!(align(text), want);
        }
    }
}

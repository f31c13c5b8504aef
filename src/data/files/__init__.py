"""Files that sources read: pictures, arrays and folders of them."""

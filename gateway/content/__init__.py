"""What a body says: media types, JSON, forms, compression. Pure, bounded, and the same for everybody who reads one."""

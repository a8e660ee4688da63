"""From a picture with a hole to a repaired picture: loading networks, any picture of any size, export."""

from artstore_kit import migrations
from storage_element.database import tables

migrations.run(tables.metadata)

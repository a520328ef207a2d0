from artstore_kit import migrations
from query_module.database import tables

migrations.run(tables.metadata)

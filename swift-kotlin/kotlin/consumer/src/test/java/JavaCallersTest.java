import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.spiraltable.Asof;
import io.github.spiraltable.Client;
import io.github.spiraltable.KeyColumn;
import io.github.spiraltable.Plan;
import io.github.spiraltable.ScanOptions;
import io.github.spiraltable.SpiralException;
import io.github.spiraltable.Table;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The package from Java: futures instead of suspending functions. */
class JavaCallersTest {
    @Test
    void tablesAreWrittenAndReadThroughFutures() throws Exception {
        try (Client client = Client.connect("memory:")) {
            Table table = client.createTableAsync("flights", List.of(new KeyColumn("id", "int64"))).get();
            table.writeAsync(List.of(Map.of("id", 1, "origin", "SFO"), Map.of("id", 2, "origin", "LAX"))).get();
            assertEquals(3, table.deleteAsync(List.of(1L)).get().getVersion());
            List<Object> rows = new ArrayList<>();
            ScanOptions options = new ScanOptions().withSelect("id", "origin").withAsof(Asof.version(2));
            try (Plan plan = table.scanAsync(options).get()) {
                plan.forEachBatchAsync(batch -> rows.addAll(batch.getRows())).get(30, TimeUnit.SECONDS);
            }
            assertEquals(List.of(Map.of("id", 1L, "origin", "SFO"), Map.of("id", 2L, "origin", "LAX")), rows);
            ExecutionException thrown = assertThrows(ExecutionException.class, () -> client.tableAsync("absent").get());
            SpiralException.NotFound error = assertInstanceOf(SpiralException.NotFound.class, thrown.getCause());
            assertEquals("table_not_found", error.getCode());
        }
    }
}

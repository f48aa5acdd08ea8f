package shop

var italian = words{
	titles: [3][]string{
		{"Deluso", "Mai più", "Sconsigliato", "Pessimo", "Che peccato"},
		{"Bene, ma", "Così così", "Si può migliorare", "Nella media"},
		{"Molto soddisfatta", "Perfetto", "Lo ricomprerei", "Ottimo", "Consigliatissimo"},
	},
	good: [aspectCount][]string{
		{"La qualità è eccellente.", "Funziona perfettamente ed è robusto.", "Ancora più bello che in foto.", "Lo uso ogni giorno e lo adoro."},
		{"Ottimo rapporto qualità-prezzo.", "Costa meno che altrove."},
		{"È arrivato un giorno prima.", "Consegna veloce e puntuale.", "Il corriere è stato gentile e puntuale."},
		{"Imballato con cura, senza plastica.", "La confezione era ordinata e sicura."},
		{"L'assistenza ha risposto entro un'ora.", "Mi hanno aiutato subito e con gentilezza."},
		{"Il reso è stato semplice e il rimborso è arrivato in due giorni.", "Cambiare la taglia non è stato un problema."},
		{"Ho ordinato in due minuti.", "Il sito è chiaro e veloce."},
	},
	bad: [aspectCount][]string{
		{"Ha smesso di funzionare dopo due giorni.", "Qualità scadente, si è rotto al primo utilizzo.", "Non assomiglia per niente alle foto.", "È arrivato difettoso."},
		{"Troppo caro per quello che è.", "Il giorno dopo l'ho visto a metà prezzo."},
		{"È arrivato con più di una settimana di ritardo.", "Il pacco era in ritardo e nessuno ha avvisato.", "Il tracking diceva \"consegnato\" ma non c'era niente.", "Il corriere non ha nemmeno suonato."},
		{"La scatola era schiacciata e il contenuto danneggiato.", "Imballato male, ovviamente era graffiato."},
		{"Nessuno risponde alle mie email.", "Ho chiamato tre volte e nessuno ha saputo aiutarmi.", "L'assistenza è stata scortese."},
		{"Sto ancora aspettando il rimborso.", "Rispedirlo costa più di quanto vale."},
		{"Il pagamento continuava a fallire.", "Il sito ha perso il carrello due volte."},
	},
	before: []string{"Non è ancora arrivato, dov'è il mio ordine?", "Sto ancora aspettando il pacco.", "Promesso per la settimana scorsa e ancora niente."},
	edit:   []string{"Aggiornamento:", "Modifica dopo qualche giorno:", "Aggiorno perché mi hanno contattato:"},
	replies: [3][]string{
		{"Grazie per averci scritto. Ci dispiace che non sia andata come doveva.", "Grazie del commento, lo abbiamo passato al team."},
		{"Ci dispiace molto. La contatteremo entro due giorni.", "Non doveva succedere. La richiameremo."},
		{"Come concordato, la questione è risolta. Grazie per la pazienza.", "Abbiamo trovato insieme una soluzione. Grazie."},
	},
	names: []string{"Giulia", "Lorenzo", "Sofia", "Niccolò", "Chiara", "Marco", "Elisa", "Davide", "Martina", "Andrea", "Noemi", "Tommaso"},
}
